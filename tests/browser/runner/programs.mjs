// The programs the tests run, all from Debian: where they are, and which package has them.
import { accessSync, constants, readlinkSync } from "node:fs";
import { basename, delimiter, join } from "node:path";

const PROGRAMS = {
  chromium: { names: ["chromium", "chromium-browser", "google-chrome"], package: "chromium", variable: "SAMBAND_TEST_CHROMIUM" },
  firefox: { names: ["firefox-esr", "firefox"], package: "firefox-esr", variable: "SAMBAND_TEST_FIREFOX" },
  webkit: { names: ["WebKitWebDriver"], package: "webkit2gtk-driver", variable: "SAMBAND_TEST_WEBKIT" },
  display: { names: ["Xvfb"], package: "xvfb" },
  certutil: { names: ["certutil"], package: "libnss3-tools" },
};

/** The file of a program: the one its variable names, or the first that PATH has. */
export function program(name) {
  const { names, variable } = PROGRAMS[name];
  const directories = (process.env.PATH ?? "").split(delimiter);
  return process.env[variable] || directories.flatMap((directory) => names.map((one) => join(directory, one))).find(isExecutable);
}

export function missingPackages() {
  return Object.keys(PROGRAMS).filter((name) => !program(name)).map((name) => PROGRAMS[name].package);
}

/** The server under test: SAMBAND_BIN, or else what started this process. */
export function samband() {
  if (process.env.SAMBAND_BIN) return process.env.SAMBAND_BIN;
  try {
    const parent = readlinkSync(`/proc/${process.ppid}/exe`);
    return basename(parent) === "samband" ? parent : undefined;
  } catch {
    return undefined;
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
