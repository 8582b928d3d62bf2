// The suites: each SDK over each transport. They run side by side in one browser.
import { ENDPOINT, World } from "../world.mjs";
import { openBrowser } from "./browser.mjs";
import { Site, TRANSPORTS } from "./site.mjs";

// 1.5.4 is the oldest release that asks its own endpoint for the notification
// service; those before it go to hosts of Microsoft's by name.
const VERSIONS = ["1.6.0", "1.5.4"];

const CHECK_SECONDS = 60;
const SLOW_CHECK_SECONDS = 180;

export const SUITES = VERSIONS.flatMap((version) =>
  Object.keys(TRANSPORTS).map((transport) => ({
    name: `chat-${version}-${transport}`,
    package: `chat-${version}`,
    version,
    transport,
    describe: () => `@azure/communication-chat@${version}, ${transport}`,
  })),
);

export async function runSuites(suites, checks) {
  const site = await Site.open(suites.map((suite) => suite.package));
  const browser = await openBrowser(ENDPOINT);
  try {
    const outcomes = await Promise.all(suites.map((suite) => runSuite({ suite, site, browser }, checks)));
    return outcomes.flat();
  } finally {
    await browser.close();
    site.close();
  }
}

/** The slow checks wait and the others work, so they go beside each other. */
async function runSuite(setting, checks) {
  const slow = Promise.all(checks.filter((check) => check.slow).map((check) => prove(setting, check)));
  const outcomes = [];
  for (const check of checks.filter((check) => !check.slow)) outcomes.push(await prove(setting, check));
  return [...outcomes, ...(await slow)];
}

async function prove(setting, check) {
  // Every check starts with an empty world, so that one failure hides no other.
  const world = await World.open(setting);
  const outcome = { suite: setting.suite.name, check: check.id, passed: true, error: "" };
  try {
    await within(check.slow ? SLOW_CHECK_SECONDS : CHECK_SECONDS, check.run(world));
  } catch (error) {
    outcome.passed = false;
    outcome.error = describe(error) + world.troubles();
  }
  await world.close();
  const { passed, suite, error } = outcome;
  console.log(`${passed ? "PASS" : "FAIL"} ${suite} ${check.id}${passed ? "" : `: ${error}`}`);
  return outcome;
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
  // An error of the page brings the page's stack along in its message.
  const message = String(error.message).split("\n    at ")[0];
  return `${error.name}: ${message.replace(/\s+/g, " ").slice(0, 600)}${where}`;
}
