// How refusals reach the user of the SDK.
import assert from "node:assert/strict";
import { items, refused } from "./world.mjs";

/** What any credential class takes for a token: the SDKs read its exp. */
function madeUpToken() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { skypeid: "acs:made_up", scp: 1792, acsScope: "chat", iat: now, exp: now + 3600 };
  return `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}.${Buffer.alloc(32).toString("base64url")}`;
}

export const checks = {
  async unauthorized(world) {
    const chat = world.chatClient(madeUpToken());
    await refused(401, () => items(chat.listChatThreads()), "Unauthorized");
    await refused(401, () => chat.createChatThread({ topic: "a topic" }), "Unauthorized");
  },

  async forbidden(world) {
    const [owner, other, outsider] = await world.people(3);
    const thread = await owner.createThread([other]);
    const error = await refused(403, () => outsider.thread(thread.threadId).getProperties(), "Forbidden");
    assert.ok(error.message, "the error has no message");
  },
};
