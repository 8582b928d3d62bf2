// The server's CA, as people import it into Chromium and Firefox: both keep
// what they trust in NSS databases, so both verify the server's certificate.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { program } from "../programs.mjs";

export function trustServer(directory) {
  mkdirSync(directory, { recursive: true });
  const database = ["-d", `sql:${directory}`];
  execFileSync(program("certutil"), ["-N", ...database, "--empty-password"]);
  execFileSync(program("certutil"), ["-A", ...database, "-n", "samband", "-t", "C,,", "-i", process.env.NODE_EXTRA_CA_CERTS]);
}
