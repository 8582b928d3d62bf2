// Prove the given checks with the JavaScript SDKs:
// driver.mjs chat-X,identity-Y,common-Z ID... (or administration for identity)
import { writeSync } from "node:fs";
import { World } from "./world.mjs";

const GROUPS = [
  ..."identity threads participants messages system receipts typing errors".split(" "),
  ..."metadata retention attachments images preview".split(" "),
];
const groups = Object.fromEntries(
  await Promise.all(GROUPS.map(async (name) => [name, (await import(`./${name}.mjs`)).checks])),
);

const [packages, ...ids] = process.argv.slice(2);
const aliases = packages.split(",");
const [chat, identity, common] = await Promise.all(aliases.map((alias) => import(alias)));
const releases = Object.fromEntries(aliases.map((alias) => alias.split(/-(.*)/, 2)));

for (const id of ids) {
  writeSync(1, JSON.stringify(await prove(id)) + "\n");
}
// Connections that the SDKs keep alive must not keep the process alive.
process.exit(0);

async function prove(id) {
  const [group, name] = id.split(".");
  const check = groups[group]?.[name];
  if (!check) return { id, ok: false, error: "this driver has no such check" };
  try {
    // Every check starts with an empty world, so that one failure hides no other.
    await check(new World({ ...identity, ...common, ...chat }, releases));
    return { id, ok: true };
  } catch (error) {
    return { id, ok: false, error: describe(error) };
  }
}

function describe(error) {
  const here = (error.stack ?? "").split("\n").find((line) => /\/js\/\w+\.mjs/.test(line) && !line.includes("world.mjs"));
  const where = here ? ` (${here.match(/(\w+\.mjs:\d+)/)?.[1]})` : "";
  return `${error.name}: ${String(error.message).replace(/\s+/g, " ").slice(0, 300)}${where}`;
}
