#!/usr/bin/env node
// Real-time notifications in real browsers, with Microsoft's unmodified SDKs:
//
//   run.mjs install                 fetch the packages and the browsers (no server needed)
//   run.mjs run [--only SUITE]...   run the suites, compare with results.md
//   run.mjs run --check ID          one check; a suite or an id may end in *
//   run.mjs run --quick             without the checks that wait for minutes
//   run.mjs run --update            run everything, rewrite results.md
//   run.mjs list                    name the suites and the checks
//
// The server is described by the environment that `samband run -- ...` sets.
import { parseArgs } from "node:util";
import { install } from "./runner/install.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", multiple: true },
    check: { type: "string", multiple: true },
    quick: { type: "boolean" },
    update: { type: "boolean" },
  },
});
const commands = { install, list, run };
const command = positionals.length === 1 && commands[positionals[0]];
if (!command) fail("run.mjs install | list | run [--only SUITE] [--check ID] [--quick] [--update]");
await command();

async function list() {
  install();
  const { SUITES } = await import("./runner/suites.mjs");
  const { CHECKS } = await import("./checks/index.mjs");
  for (const suite of SUITES) console.log(`${suite.name}: ${suite.describe()}`);
  for (const check of CHECKS) console.log(`${check.id}: ${check.title}${check.slow ? " (slow)" : ""}`);
}

async function run() {
  const missing = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "NODE_EXTRA_CA_CERTS"].filter((name) => !process.env[name]);
  if (missing.length) fail(`${missing.join(" and ")} not set: start this as \`samband run -- ${process.argv[1]} run\``);
  install();
  // Not before: these load the packages that install() has fetched.
  const { SUITES, runSuites } = await import("./runner/suites.mjs");
  const { CHECKS } = await import("./checks/index.mjs");
  const { lostCells, writeTable } = await import("./runner/results.mjs");
  const suites = choose(SUITES, values.only, (suite) => suite.name);
  const checks = choose(CHECKS, values.check, (check) => check.id).filter((check) => !(values.quick && check.slow));

  const { outcomes, versions } = await runSuites(suites, checks);
  const count = (result) => outcomes.filter((outcome) => outcome.result === result).length;
  let lost = [];
  if (values.update) {
    writeTable(SUITES, CHECKS, outcomes, versions);
  } else {
    lost = lostCells(outcomes, { whole: !values.only && !values.check && !values.quick });
    for (const { suite, check } of lost) console.log(`LOST ${suite} ${check}: results.md says it passes`);
  }
  console.log(`${count("pass")} passed, ${count("fail")} failed, ${count("skip")} skipped`);
  // Connections that the SDKs keep alive must not keep the process alive.
  process.exit(count("fail") || lost.length ? 1 : 0);
}

function choose(all, patterns, nameOf) {
  if (!patterns) return all;
  const fits = (pattern, name) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern);
  for (const pattern of patterns) {
    if (!all.some((one) => fits(pattern, nameOf(one)))) fail(`nothing is called ${pattern}; see \`run.mjs list\``);
  }
  return all.filter((one) => patterns.some((pattern) => fits(pattern, nameOf(one))));
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
