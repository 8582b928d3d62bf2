// results.md: what passes, in git. It may only grow.
//
// First column the check, last column its title, one column per suite between;
// a cell is `pass`, `skip` (this browser cannot do what the check needs), or `-`
// (not yet).
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TABLE = fileURLToPath(new URL("../results.md", import.meta.url));
const INTRODUCTION = `\
# What real-time notifications do in browsers

Written by \`run.mjs run --update\`. \`run.mjs run\` fails when a cell that says
\`pass\` here does not pass any more. \`skip\`: the browser cannot be made to do
what the check needs; the run says why. \`-\` is not there yet.
`;

/**
 * Cells that said `pass` and do not pass now. A whole run answers for the whole
 * table, so that a check or a suite cannot be lost by taking it away.
 */
export function lostCells(outcomes, { whole }) {
  const found = new Map(outcomes.map((outcome) => [keyOf(outcome), outcome.result === "pass"]));
  return readTable().filter((cell) => cell.text === "pass" && (found.get(keyOf(cell)) ?? !whole) === false);
}

export function writeTable(suites, checks, outcomes, versions) {
  const cells = new Map(readTable().map((cell) => [keyOf(cell), cell.text]));
  for (const outcome of outcomes) cells.set(keyOf(outcome), outcome.result === "fail" ? "-" : outcome.result);
  const rows = checks.map((check) => [
    check.id,
    ...suites.map((suite) => cells.get(keyOf({ suite: suite.name, check: check.id })) ?? "-"),
    check.title,
  ]);
  const header = ["check", ...suites.map((suite) => suite.name), "title"];
  const lines = [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |\n`);
  const named = suites.map((suite) => `- ${suite.name}: ${suite.describe()}\n`);
  const seen = `\nLast written with ${versions.join(", ")}.\n`;
  writeFileSync(TABLE, [INTRODUCTION, seen, "\n", ...named, "\n", ...lines].join(""));
}

function readTable() {
  if (!existsSync(TABLE)) return [];
  const rows = readFileSync(TABLE, "utf8").split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.slice(1, -1).split("|").map((cell) => cell.trim()),
  );
  const [header, , ...body] = rows;
  return body.flatMap(([check, ...cells]) => cells.slice(0, -1).map((text, at) => ({ suite: header[at + 1], check, text })));
}

function keyOf({ suite, check }) {
  return `${suite} ${check}`;
}
