// What is to be proven, in the order of the table. What needs several nodes is there where there are some.
import { checks as events } from "./events.mjs";
import { checks as content } from "./content.mjs";
import { checks as delivery } from "./delivery.mjs";
import { checks as connection } from "./connection.mjs";

export const CHECKS = Object.entries({ events, content, delivery, connection }).flatMap(([group, checks]) =>
  Object.entries(checks).map(([name, check]) => ({ id: `${group}.${name}`, ...check })),
).filter((check) => check.needs !== "nodes" || process.env.SAMBAND_NODE_PIDS);
