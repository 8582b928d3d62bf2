// Ports for servers that have to be told one.
//
// They lie below those that the system hands out by itself: a port that is
// given up for a moment, while its server restarts, is still free after it.
import { createServer } from "node:net";

const [FIRST, END] = [20_000, 32_000];
let next = FIRST + Math.floor(Math.random() * (END - FIRST));

export async function freePort() {
  for (let tries = 0; tries < END - FIRST; tries++) {
    const port = next++;
    if (next === END) next = FIRST;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST} to ${END}`);
}

function isFree(port) {
  return new Promise((found) => {
    const server = createServer();
    server.once("error", () => found(false));
    server.listen(port, "127.0.0.1", () => server.close(() => found(true)));
  });
}
