// The app's web site: one page for each SDK and transport, on an origin that
// is not the server's, as an app's site never is.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL("..", import.meta.url));

export const TRANSPORTS = {
  websocket: "",
  // The SDK looks for WebSocket when it connects; a browser behind a proxy
  // that lets none through ends up in the same place, only later.
  polling: "<script>delete window.WebSocket</script>",
};

const HEAD = '<!doctype html><link rel="icon" href="data:,">';

export class Site {
  static async open(packages) {
    const scripts = new Map([["/witness.js", readFileSync(new URL("../page/witness.mjs", import.meta.url), "utf8")]]);
    for (const name of new Set(packages)) scripts.set(`/${name}.js`, await bundle(name));
    const server = createServer((request, response) => {
      const [, name, transport] = request.url.match(/^\/([\w.-]+)\/(\w+)$/) ?? [];
      const script = scripts.get(request.url);
      if (request.url === "/blank") return response.writeHead(200, { "content-type": "text/html" }).end(HEAD);
      if (script) return response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(script);
      if (!(transport in TRANSPORTS)) return response.writeHead(404).end();
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end(`${HEAD}<script src="/witness.js"></script>${TRANSPORTS[transport]}<script src="/${name}.js"></script>`);
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    return new Site(server);
  }

  constructor(server) {
    this.server = server;
    this.origin = `http://localhost:${server.address().port}`;
    this.blank = `${this.origin}/blank`;
  }

  url(suite) {
    return `${this.origin}/${suite.package}/${suite.transport}`;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** An SDK as an app's bundler packs it: nothing of it is replaced. */
async function bundle(name) {
  const { outputFiles } = await build({
    absWorkingDir: HERE, // where aliases are looked up
    entryPoints: ["page/page.mjs"],
    alias: { "@azure/communication-chat": name },
    bundle: true,
    platform: "browser",
    format: "iife",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0].text;
}
