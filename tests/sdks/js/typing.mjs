// Typing notifications, which leave no trace to list. The SDK answers true when
// it sent one, and false when it held one back because another went out within
// eight seconds.
import assert from "node:assert/strict";

async function type(world, options) {
  const [owner, other] = await world.people(2);
  const thread = await owner.createThread([other]);
  assert.equal(await thread.sendTypingNotification(options), true);
  assert.equal(await other.thread(thread.threadId).sendTypingNotification(options), true);
}

export const checks = {
  send: (world) => type(world),
  display_name: (world) => type(world, { senderDisplayName: "Owner" }),
};
