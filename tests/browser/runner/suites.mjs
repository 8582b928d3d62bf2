// The suites: each SDK over each transport in a browser. They run side by side.
import { World } from "../world.mjs";
import { openBrowser } from "./browsers/index.mjs";
import { samband } from "./programs.mjs";
import { Site, TRANSPORTS } from "./site.mjs";

// 1.5.4 is the oldest release that asks its own endpoint for the notification
// service; those before it go to hosts of Microsoft's by name.
const VERSIONS = ["1.6.0", "1.5.4"];

const CHECK_SECONDS = 60;
const SLOW_CHECK_SECONDS = 180;

export const SUITES = [
  // Where no browser is named it is Chromium.
  ...Object.keys(TRANSPORTS).map((transport) => ({ browser: "chromium", transport, ending: transport })),
  { browser: "firefox", transport: "websocket", ending: "firefox" },
  { browser: "webkit", transport: "websocket", ending: "webkit" },
].flatMap(({ browser, transport, ending }) =>
  VERSIONS.map((version) => ({
    name: `chat-${version}-${ending}`,
    package: `chat-${version}`,
    version,
    transport,
    browser,
    describe: () => `@azure/communication-chat@${version}, ${transport}, ${browser}`,
  })),
);

/** Outcomes, and the versions of the browsers they were seen in. */
export async function runSuites(suites, checks) {
  const site = await Site.open(suites.map((suite) => suite.package));
  const browsers = await openBrowsers(new Set(suites.map((suite) => suite.browser)), site.blank);
  const versions = await Promise.all([...browsers.values()].map((browser) => browser.version()));
  console.log(versions.join(", "));
  try {
    const run = (suite) => runSuite({ suite, site, browser: browsers.get(suite.browser) }, checks);
    return { versions, outcomes: (await Promise.all(suites.map(run))).flat() };
  } finally {
    await Promise.all([...browsers.values()].map((browser) => browser.close()));
    site.close();
  }
}

async function openBrowsers(names, blank) {
  return new Map(await Promise.all([...names].map(async (name) => [name, await openBrowser(name, blank)])));
}

/** The slow checks wait and the others work, so they go beside each other. */
async function runSuite(setting, checks) {
  const slow = Promise.all(checks.filter((check) => check.slow).map((check) => prove(setting, check)));
  const outcomes = [];
  for (const check of checks.filter((check) => !check.slow)) outcomes.push(await prove(setting, check));
  return [...outcomes, ...(await slow)];
}

async function prove(setting, check) {
  const outcome = { suite: setting.suite.name, check: check.id, result: "pass", error: "" };
  const lacking = whyNot(setting, check);
  if (lacking) {
    console.log(`SKIPPED ${outcome.suite} ${outcome.check}: ${lacking}`);
    return { ...outcome, result: "skip" };
  }
  // Every check starts with an empty world, so that one failure hides no other.
  const world = await World.open(setting);
  try {
    await within(check.slow ? SLOW_CHECK_SECONDS : CHECK_SECONDS, check.run(world));
  } catch (error) {
    outcome.result = "fail";
    outcome.error = describe(error) + (await world.troubles());
  }
  await world.close({ keepProfiles: outcome.result === "pass" });
  const { result, suite, error } = outcome;
  console.log(`${result.toUpperCase()} ${suite} ${check.id}${error && `: ${error}`}`);
  return outcome;
}

/** The reason for which a check cannot run here, if there is one. */
function whyNot({ browser }, { needs }) {
  if (needs === "ownServer" && !samband()) return "SAMBAND_BIN does not name a server to restart";
  return browser.cannot[needs];
}

async function within(seconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error) {
  const here = (error.stack ?? "").split("\n").find((line) => /\/checks\/\w+\.mjs/.test(line));
  const where = here ? ` (${here.match(/(\w+\.mjs:\d+)/)?.[1]})` : "";
  return `${error.name}: ${String(error.message).replace(/\s+/g, " ").slice(0, 600)}${where}`;
}
