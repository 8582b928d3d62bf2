// The network between a browser and the server, to be cut.
//
// A browser's own "offline" does not say what becomes of open connections; a
// proxy does. It passes bytes through (TLS is between browser and server). The
// page's own site, which is plain HTTP, comes through whatever happens.
import { createServer, request as ask } from "node:http";
import { connect } from "node:net";

export class Link {
  static async open() {
    const link = new Link();
    await new Promise((listening) => link.server.listen(0, "127.0.0.1", listening));
    return link;
  }

  constructor() {
    this.tunnels = new Set();
    this.isCut = false;
    this.server = createServer(forward);
    this.server.on("connect", (request, client) => this.#tunnel(request, client));
  }

  get host() {
    return `127.0.0.1:${this.server.address().port}`;
  }

  /** Both ends see their connections end, and no new one comes about. */
  cut() {
    this.isCut = true;
    this.#drop();
  }

  restore() {
    this.isCut = false;
  }

  /**
   * What is connected now falls silent and nobody is told: what happens to a
   * phone between two networks. New connections are as good as ever.
   */
  silence() {
    for (const tunnel of this.tunnels) {
      const { client, server } = tunnel;
      tunnel.silent = true;
      client.unpipe(server);
      server.unpipe(client);
      // Read and thrown away, as a network that is gone does.
      client.resume();
      server.resume();
    }
  }

  close() {
    this.#drop();
    this.server.closeAllConnections();
    this.server.close();
  }

  #drop() {
    for (const { client, server } of this.tunnels) {
      client.destroy();
      server.destroy();
    }
    this.tunnels.clear();
  }

  #tunnel(request, client) {
    client.on("error", () => {});
    if (this.isCut) return client.destroy();
    const { hostname, port } = new URL(`http://${request.url}`);
    const server = connect(Number(port) || 80, hostname.replace(/^\[|\]$/g, ""));
    const tunnel = { client, server, silent: false };
    this.tunnels.add(tunnel);
    server.on("connect", () => {
      if (client.destroyed) return;
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(server).pipe(client);
    });
    server.on("error", () => client.destroy());
    server.on("close", () => {
      client.destroy();
      this.tunnels.delete(tunnel);
    });
    client.on("close", () => {
      // A server must go on believing in a connection that fell silent.
      if (!tunnel.silent) server.destroy();
    });
  }
}

function forward({ method, url, headers }, response) {
  const forwarded = ask(url, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  forwarded.on("error", () => response.destroy());
  forwarded.end();
}
