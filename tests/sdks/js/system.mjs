// Messages that the thread itself leaves behind.
import assert from "node:assert/strict";
import { items, sameSet } from "./world.mjs";

const oldestFirst = async (thread) => (await items(thread.listMessages())).reverse();
const who = (message) => message.content.participants.map((participant) => participant.id.communicationUserId);

async function newest(thread, owner, type) {
  const [message] = await items(thread.listMessages());
  assert.equal(message.type, type);
  assert.equal(message.sender, undefined, "a system message has no sender");
  assert.equal(message.content.initiator.communicationUserId, owner.id, "the initiator is not who did it");
  return message;
}

export const checks = {
  async new_thread(world) {
    const [owner, second, third] = await world.people(3);
    const messages = await oldestFirst(await owner.createThread([second, third], { topic: "lunch" }));
    assert.deepEqual(messages.map(({ type, sequenceId }) => [type, sequenceId]), [
      ["participantAdded", "1"],
      ["topicUpdated", "2"],
    ]);
    const [added, topic] = messages;
    sameSet(who(added), [owner.id, second.id, third.id], "not all initial participants are named");
    assert.equal(topic.content.topic, "lunch");
    for (const message of messages) assert.equal(message.content.initiator.communicationUserId, owner.id);
  },

  async topic_updated(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other]);
    await thread.updateTopic("dinner");
    const message = await newest(thread, owner, "topicUpdated");
    assert.equal(message.content.topic, "dinner");
  },

  async participant_added(world) {
    const [owner, second, third] = await world.people(3);
    const thread = await owner.createThread([second]);
    await thread.addParticipants({ participants: [third.asParticipant({ displayName: "Third" })] });
    const message = await newest(thread, owner, "participantAdded");
    assert.deepEqual(who(message), [third.id], "only the new participant should be named");
    assert.equal(message.content.participants[0].displayName, "Third");
  },

  async participant_removed(world) {
    const [owner, second, third] = await world.people(3);
    const thread = await owner.createThread([second, third]);
    await thread.removeParticipant(third.user);
    const message = await newest(thread, owner, "participantRemoved");
    assert.deepEqual(who(message), [third.id], "only the removed participant should be named");
  },

  async order(world) {
    const [owner, second, third] = await world.people(3);
    const thread = await owner.createThread([second]);
    await thread.sendMessage({ content: "one" });
    await thread.updateTopic("dinner");
    await thread.addParticipants({ participants: [third.asParticipant()] });
    await thread.sendMessage({ content: "two" });
    await thread.removeParticipant(third.user);
    const messages = await oldestFirst(thread);
    assert.deepEqual(
      messages.map((message) => message.type),
      ["participantAdded", "topicUpdated", "text", "topicUpdated", "participantAdded", "text", "participantRemoved"],
    );
    assert.deepEqual(messages.map((message) => message.sequenceId), ["1", "2", "3", "4", "5", "6", "7"]);
    const ids = messages.map((message) => Number(message.id));
    assert.ok(ids.every((id, n) => n === 0 || id > ids[n - 1]), `ids do not grow: ${ids}`);
  },
};
