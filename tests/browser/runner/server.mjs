// A server of a check's own, to be stopped, killed and started again on its data and its port.
import { copyFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { endProcess, newDirectory, removeDirectory, startProcess } from "./owned.mjs";
import { freePort } from "./ports.mjs";
import { samband } from "./programs.mjs";

const READY_SECONDS = 15;

export class Server {
  static async open() {
    const server = new Server(newDirectory(), await freePort());
    // The CA of the server that Node and the browsers trust already.
    const authority = dirname(process.env.NODE_EXTRA_CA_CERTS);
    for (const file of ["ca.pem", "ca-key.pem"]) copyFileSync(join(authority, file), join(server.directory, file));
    await server.start();
    return server;
  }

  constructor(directory, port) {
    Object.assign(this, { directory, port });
  }

  async start() {
    const args = ["dev", "--data", this.directory, "--listen", `127.0.0.1:${this.port}`, "--log-level", "error"];
    this.child = startProcess(samband(), args, { stdio: ["ignore", "pipe", "inherit"] });
    this.connectionString = await this.#told(/^\s*Connection string\s+(\S+)/m);
  }

  /** SIGTERM asks it to stop, SIGKILL does not ask. */
  end(signal) {
    return endProcess(this.child, signal);
  }

  async close() {
    await this.end("SIGKILL");
    removeDirectory(this.directory);
  }

  #told(pattern) {
    return new Promise((found, failed) => {
      let text = "";
      const timer = setTimeout(() => failed(new Error(`the own server is not ready after ${READY_SECONDS} s`)), READY_SECONDS * 1000);
      this.child.gone.then(() => failed(new Error("the own server does not start")));
      this.child.stdout.on("data", (chunk) => {
        const match = (text += chunk).match(pattern);
        if (!match) return;
        clearTimeout(timer);
        found(match[1]);
      });
    });
  }
}
