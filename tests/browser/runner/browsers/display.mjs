// A screen nobody looks at, for the browser that has no headless mode.
import { endProcess, startProcess } from "../owned.mjs";
import { program } from "../programs.mjs";

export async function openDisplay() {
  // It picks a free number by itself and tells it in its file 3.
  const args = ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"];
  const server = startProcess(program("display"), args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const number = await new Promise((found, failed) => {
    server.stdio[3].once("data", (text) => found(String(text).trim()));
    server.gone.then(() => failed(new Error("Xvfb does not start")));
  });
  return { name: `:${number}`, close: () => endProcess(server) };
}
