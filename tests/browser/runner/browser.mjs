// Headless Chromium that trusts the server's certificate and no other.
import { X509Certificate, createHash } from "node:crypto";
import { connect } from "node:tls";
import { chromium as playwright } from "playwright-core";
import { chromium } from "./install.mjs";

export async function openBrowser(endpoint) {
  return playwright.launch({
    executablePath: chromium(),
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Chromium reads no CA file. The certificate that Node has verified
      // against the CA is pinned instead, which holds for WebSockets as well.
      `--ignore-certificate-errors-spki-list=${await publicKeyHash(endpoint)}`,
    ],
  });
}

async function publicKeyHash(endpoint) {
  const { hostname, port } = new URL(endpoint);
  const host = hostname.replace(/^\[|\]$/g, "");
  const certificate = await new Promise((found, failed) => {
    const socket = connect({ host, port: Number(port) || 443, servername: /^[\d.]+$|:/.test(host) ? "" : host }, () => {
      found(socket.getPeerCertificate().raw);
      socket.destroy();
    });
    socket.on("error", failed);
  });
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}
