/** Prices, numbers and times as people write them. */

const language = document.documentElement.lang;
const formats = new Map();

/** `cents` are the currency's smallest unit, of which some have none but whole ones. */
export function price(cents, currency) {
  let format = formats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat(language, { style: "currency", currency });
    formats.set(currency, format);
  }
  return format.format(cents / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const counts = new Intl.NumberFormat(language);
export const count = (number) => counts.format(number);

/** `plural(2, "item")`: "2 items". */
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });

export const timeOfDay = (time) => clock.format(new Date(time));

/** "14:05" of today, else with its day. */
export function moment(time) {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString()
    ? `today at ${clock.format(date)}`
    : `${day.format(date)}, ${clock.format(date)}`;
}

export function distance(metres) {
  if (metres < 950) return `${count(Math.max(10, Math.round(metres / 10) * 10))} m`;
  return `${(metres / 1000).toLocaleString(language, { maximumFractionDigits: 1 })} km`;
}
