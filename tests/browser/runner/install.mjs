// Fetch what the tests stand on: npm packages, and browsers from Debian.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { missingPackages } from "./programs.mjs";

const HERE = fileURLToPath(new URL("..", import.meta.url));

export function install() {
  installPackages();
  installPrograms();
}

function installPackages() {
  // A stamp tells what is installed, so a second call does nothing.
  const stamp = join(HERE, "node_modules", "installed.txt");
  const locked = ["package.json", "package-lock.json"].map((name) => readFileSync(join(HERE, name)));
  const text = createHash("sha256").update(Buffer.concat(locked)).digest("hex") + "\n";
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === text) return;
  console.log("installing node_modules");
  // No scripts: esbuild's binary is an optional dependency that npm picks by
  // platform, and the libraries that drive browsers bring none. Nothing else is fetched.
  execute(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, text);
}

function installPrograms() {
  const missing = missingPackages();
  if (!missing.length) return;
  const sudo = process.getuid?.() === 0 ? [] : ["sudo"];
  if (sudo.length && spawnSync("sudo", ["-n", "true"]).status !== 0) {
    console.error(`${missing.join(" ")} missing, and there is no root and no sudo to install it`);
    process.exit(1);
  }
  console.log(`installing ${missing.join(" ")}`);
  const get = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"];
  execute([...get, "update"]);
  execute([...get, "install", "-y", "--no-install-recommends", ...missing]);
}

function execute([command, ...args]) {
  const finished = spawnSync(command, args, { cwd: HERE, encoding: "utf8" });
  if (finished.status === 0) return;
  console.error(`${command} ${args.join(" ")} failed:\n${finished.error ?? ""}${finished.stdout}${finished.stderr}`);
  process.exit(1);
}
