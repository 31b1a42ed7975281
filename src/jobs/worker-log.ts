/** What background work says, for people. */
export type WorkerLog = {
  info(what: object, message: string): void;
  warn(what: object, message: string): void;
};
