// Processes and directories of this run: none outlives it, however it ends.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const processes = new Set();
const directories = new Set();

process.on("exit", () => {
  for (const child of processes) child.kill("SIGKILL");
  for (const directory of directories) {
    try {
      removeDirectory(directory);
    } catch (error) {
      console.error(`${directory} is left behind: ${error.message}`);
    }
  }
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

export function startProcess(command, args, options) {
  return ownProcess(spawn(command, args, options));
}

/** A process that was started elsewhere. */
export function ownProcess(child) {
  processes.add(child);
  child.gone = new Promise((gone) => {
    child.once("exit", gone);
    child.once("error", gone);
  });
  child.gone.then(() => processes.delete(child));
  return child;
}

export async function endProcess(child, signal = "SIGTERM") {
  child.kill(signal);
  await child.gone;
}

export function newDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "samband-browser-"));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory) {
  // What a browser writes while it ends can get in the way.
  rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  directories.delete(directory);
}
