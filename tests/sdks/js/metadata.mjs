// What an application keeps at a thread and at its participants.
import assert from "node:assert/strict";
import { items, refused } from "./world.mjs";

// Models of older core packages have no prototype.
const plain = (map) => map && { ...map };

async function metadataOf(thread, person) {
  const listed = await items(thread.listParticipants());
  return plain(listed.find(({ id }) => id.communicationUserId === person.id)?.metadata);
}

export const checks = {
  async thread_create(world) {
    const [owner, other] = await world.people(2);
    const metadata = { order: "42", språk: "svenska", empty: "" };
    const created = await owner.chat.createChatThread(
      { topic: "lunch" },
      { participants: [other.asParticipant()], metadata },
    );
    assert.deepEqual(plain(created.chatThread.metadata), metadata, "the answer to the creation has other metadata");
    for (const person of [owner, other]) {
      const seen = await person.thread(created.chatThread.id).getProperties();
      assert.deepEqual(plain(seen.metadata), metadata);
    }
  },

  async thread_update(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other], { topic: "lunch", metadata: { state: "new" } });
    const seen = () => other.thread(thread.threadId).getProperties();
    await thread.updateProperties({ metadata: { state: "old" } });
    assert.equal((await seen()).metadata.state, "old");
    assert.equal((await seen()).topic, "lunch", "metadata alone changed the topic");
    await thread.updateProperties({ topic: "dinner" });
    assert.equal((await seen()).topic, "dinner");
    assert.equal((await seen()).metadata.state, "old", "the topic alone changed the metadata");
    await thread.updateProperties({ topic: "supper", metadata: { state: "eaten" } });
    const { topic, metadata } = await seen();
    assert.deepEqual([topic, metadata.state], ["supper", "eaten"]);
  },

  async thread_update_outsider(world) {
    const [owner, other, outsider] = await world.people(3);
    const thread = await owner.createThread([other], { metadata: { state: "new" } });
    await refused(403, () => outsider.thread(thread.threadId).updateProperties({ metadata: { state: "mine" } }));
    assert.equal((await thread.getProperties()).metadata.state, "new");
  },

  async participant_create(world) {
    const [owner, other, third] = await world.people(3);
    const metadata = { role: "cook", empty: "" };
    const { chatThread } = await owner.chat.createChatThread(
      { topic: "lunch" },
      { participants: [other.asParticipant({ metadata }), third.asParticipant()] },
    );
    const thread = owner.thread(chatThread.id);
    assert.deepEqual(await metadataOf(thread, other), metadata);
    assert.equal(Object.keys((await metadataOf(thread, third)) ?? {}).length, 0, "somebody else has metadata, too");
  },

  async participant_add(world) {
    const [owner, other, third] = await world.people(3);
    const thread = await owner.createThread([other]);
    const metadata = { role: "guest" };
    const participants = [third.asParticipant({ metadata, displayName: "Third" })];
    const added = await thread.addParticipants({ participants });
    assert.ok(!added.invalidParticipants?.length, "a valid participant was rejected");
    assert.deepEqual(await metadataOf(other.thread(thread.threadId), third), metadata);
  },
};
