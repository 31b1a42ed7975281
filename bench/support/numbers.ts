/** Numbers for people. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en");
