// How long a thread is kept. That the server deletes it on that day is not seen
// from here; its own tests turn the clock.
import assert from "node:assert/strict";
import { refused } from "./world.mjs";

const after = (deleteThreadAfterDays) => ({ kind: "threadCreationDate", deleteThreadAfterDays });

export const checks = {
  async create(world) {
    const [owner, other] = await world.people(2);
    const created = await owner.chat.createChatThread(
      { topic: "lunch" },
      { participants: [other.asParticipant()], retentionPolicy: after(60) },
    );
    assert.deepEqual({ ...created.chatThread.retentionPolicy }, after(60), "the answer has another policy");
    const seen = await other.thread(created.chatThread.id).getProperties();
    assert.deepEqual({ ...seen.retentionPolicy }, after(60));
  },

  async update(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other], { retentionPolicy: after(60) });
    const policy = async () => ({ ...(await other.thread(thread.threadId).getProperties()).retentionPolicy });
    await thread.updateProperties({ retentionPolicy: after(90) });
    assert.deepEqual(await policy(), after(90));
    await thread.updateProperties({ topic: "dinner" });
    assert.deepEqual(await policy(), after(90), "the topic alone changed the policy");
    await thread.updateProperties({ retentionPolicy: { kind: "none" } });
    assert.deepEqual(await policy(), { kind: "none" });
  },

  async refused(world) {
    const [owner, other] = await world.people(2);
    const create = (days) => owner.chat.createChatThread({ topic: "lunch" }, { retentionPolicy: after(days) });
    for (const days of [0, -1]) await refused(400, () => create(days));
    const thread = await owner.createThread([other], { retentionPolicy: after(60) });
    await refused(400, () => thread.updateProperties({ retentionPolicy: after(0) }));
    assert.deepEqual({ ...(await thread.getProperties()).retentionPolicy }, after(60));
  },
};
