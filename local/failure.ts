/** A failure that its message explains to the user, mend included; it is shown without a stack. */
export class Failure extends Error {}

/** Runs a script's main function; a Failure ends it with its message and exit code 1. */
export async function runMain(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}
