#!/usr/bin/env node
// Runs the command line of a clone on the Node that is there. Plain JavaScript, so that a Node that is too old can say so.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18) || (major === 23 && minor < 6)) {
  console.error(
    `tallyman: it needs Node 24, or 22.18 or newer, to run TypeScript as it is; this is ${process.version}. ` +
      "In a clone, npm run tallyman brings the right one with it.",
  );
  process.exit(2);
}

// Until 24.3 Node says on each start that type stripping is experimental.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) => {
  if (rest[0] === "ExperimentalWarning" || rest[0]?.type === "ExperimentalWarning") return;
  emitWarning.call(process, warning, ...rest);
};

try {
  const { tallyman } = await import("../src/tallyman.ts");
  process.exitCode = await tallyman(process.argv.slice(2));
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
  console.error("tallyman: the packages are not installed; npm ci, or npm start, installs them.");
  process.exitCode = 2;
}
