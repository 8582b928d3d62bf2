// What is to be proven, in the order of the table.
import { checks as events } from "./events.mjs";
import { checks as content } from "./content.mjs";
import { checks as delivery } from "./delivery.mjs";
import { checks as connection } from "./connection.mjs";

export const CHECKS = Object.entries({ events, content, delivery, connection }).flatMap(([group, checks]) =>
  Object.entries(checks).map(([name, check]) => ({ id: `${group}.${name}`, ...check })),
);
