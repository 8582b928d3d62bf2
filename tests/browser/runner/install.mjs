// Fetch what the tests stand on: npm packages, and Chromium from Debian.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("..", import.meta.url));

export function install() {
  installPackages();
  installChromium();
}

/** The browser: SAMBAND_TEST_CHROMIUM, or the first of these that PATH has. */
export function chromium() {
  const candidates = (process.env.PATH ?? "").split(delimiter).flatMap((directory) =>
    ["chromium", "chromium-browser", "google-chrome"].map((name) => join(directory, name)),
  );
  return process.env.SAMBAND_TEST_CHROMIUM || candidates.find(isExecutable);
}

function installPackages() {
  // A stamp tells what is installed, so a second call does nothing.
  const stamp = join(HERE, "node_modules", "installed.txt");
  const locked = ["package.json", "package-lock.json"].map((name) => readFileSync(join(HERE, name)));
  const text = createHash("sha256").update(Buffer.concat(locked)).digest("hex") + "\n";
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === text) return;
  console.log("installing node_modules");
  // No scripts: esbuild's binary is an optional dependency that npm picks by
  // platform, and playwright-core brings no browser. Nothing else is fetched.
  execute(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, text);
}

function installChromium() {
  if (chromium()) return;
  const sudo = process.getuid?.() === 0 ? [] : ["sudo"];
  if (sudo.length && spawnSync("sudo", ["-n", "true"]).status !== 0) {
    console.error("chromium is missing, and there is no root and no sudo to install it");
    process.exit(1);
  }
  console.log("installing chromium");
  execute([...sudo, "apt-get", "update", "-qq"]);
  execute([...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]);
}

function execute([command, ...args]) {
  const finished = spawnSync(command, args, { cwd: HERE, encoding: "utf8" });
  if (finished.status === 0) return;
  console.error(`${command} ${args.join(" ")} failed:\n${finished.error ?? ""}${finished.stdout}${finished.stderr}`);
  process.exit(1);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
