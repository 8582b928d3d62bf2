// Chat threads.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { items, pages, refused, sameSet, sendLaterThan } from "./world.mjs";

export async function idsOf(thread) {
  return (await items(thread.listParticipants())).map((participant) => participant.id.communicationUserId);
}

const lengths = (paged) => paged.map((page) => page.length);

export const checks = {
  async create(world) {
    const [owner, second, third] = await world.people(3);
    const participants = [second.asParticipant({ displayName: "Second" }), third.asParticipant()];
    const created = await owner.chat.createChatThread({ topic: "lunch" }, { participants });
    assert.ok(!created.invalidParticipants?.length, "all participants are valid");
    assert.equal(created.chatThread.topic, "lunch");
    assert.equal(created.chatThread.createdBy.communicationUserId, owner.id);
    const listed = await items(owner.thread(created.chatThread.id).listParticipants());
    const names = new Map(listed.map(({ id, displayName }) => [id.communicationUserId, displayName]));
    sameSet(names.keys(), [owner.id, second.id, third.id], "the creator and both others should be in");
    assert.equal(names.get(second.id), "Second", "the display name is lost");
  },

  async create_idempotent(world) {
    const [owner, other] = await world.people(2);
    const idempotencyToken = randomUUID();
    const first = await owner.createThread([other], { idempotencyToken });
    const again = await owner.createThread([other], { idempotencyToken });
    const different = await owner.createThread([other], { idempotencyToken: randomUUID() });
    assert.equal(first.threadId, again.threadId, "the same token made a second thread");
    assert.notEqual(first.threadId, different.threadId, "another token gave the same thread");
    assert.equal((await items(owner.chat.listChatThreads())).length, 2);
  },

  async create_250(world) {
    const owner = await world.person();
    const crowd = [];
    while (crowd.length < 249) crowd.push({ id: await world.identity.createUser() });
    // A request takes 200 at most.
    const created = await owner.chat.createChatThread({ topic: "everybody" }, { participants: crowd.slice(0, 200) });
    const thread = owner.thread(created.chatThread.id);
    const added = await thread.addParticipants({ participants: crowd.slice(200) });
    assert.ok(!created.invalidParticipants?.length && !added.invalidParticipants?.length, "somebody was rejected");
    assert.equal(new Set(await idsOf(thread)).size, 250);
  },

  async get_properties(world) {
    const [owner, other] = await world.people(2);
    const { threadId } = await owner.createThread([other], { topic: "lunch" });
    for (const person of [owner, other]) {
      const seen = await person.thread(threadId).getProperties();
      assert.equal(seen.id, threadId);
      assert.equal(seen.topic, "lunch");
      assert.equal(seen.createdBy.communicationUserId, owner.id);
      assert.ok(seen.createdOn instanceof Date);
    }
  },

  async list(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other], { topic: "lunch" });
    const message = await thread.getMessage((await thread.sendMessage({ content: "hello" })).id);
    for (const person of [owner, other]) {
      const [item, ...more] = await items(person.chat.listChatThreads());
      assert.equal(more.length, 0);
      assert.equal(item.id, thread.threadId);
      assert.equal(item.topic, "lunch");
      assert.equal(item.deletedOn, undefined);
      assert.deepEqual(item.lastMessageReceivedOn, message.createdOn, "lastMessageReceivedOn is not the last message's");
    }
  },

  async list_pages(world) {
    const [owner, other] = await world.people(2);
    const made = [];
    while (made.length < 5) made.push((await owner.createThread([other])).threadId);
    const paged = await pages(owner.chat.listChatThreads({ maxPageSize: 2 }));
    assert.ok(Math.max(...lengths(paged)) <= 2, `a page is too long: ${lengths(paged)}`);
    sameSet(paged.flat().map((item) => item.id), made);
  },

  async list_start_time(world) {
    const [owner, other] = await world.people(2);
    const old = await owner.createThread([other]);
    const recent = await owner.createThread([other]);
    const { createdOn } = await old.getProperties();
    const before = (await sendLaterThan(old, createdOn, "old")).createdOn;
    const startTime = (await sendLaterThan(recent, before, "new")).createdOn;
    const since = async (instant) =>
      (await items(owner.chat.listChatThreads({ startTime: instant }))).map((item) => item.id);
    assert.ok(!(await since(startTime)).includes(old.threadId), "a thread without messages since startTime is listed");
    assert.ok((await since(before)).includes(recent.threadId), "a thread with messages since startTime is missing");
  },

  async update_topic(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other], { topic: "lunch" });
    await thread.updateTopic("dinner");
    assert.equal((await other.thread(thread.threadId).getProperties()).topic, "dinner");
    const [item] = await items(other.chat.listChatThreads());
    assert.equal(item.topic, "dinner", "the list has the old topic");
  },

  async delete(world) {
    const [owner, other] = await world.people(2);
    const { threadId } = await owner.createThread([other]);
    await owner.chat.deleteChatThread(threadId);
    for (const person of [owner, other]) {
      const sending = person.thread(threadId).sendMessage({ content: "hello?" });
      // The pages do not say which of the two.
      await assert.rejects(sending, (error) => [403, 404].includes(error.statusCode), "a deleted thread takes messages");
    }
  },

  async delete_twice(world) {
    const [owner, other] = await world.people(2);
    const { threadId } = await owner.createThread([other]);
    await owner.chat.deleteChatThread(threadId);
    await owner.chat.deleteChatThread(threadId);
  },

  async deleted_stays_listed(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other]);
    const { createdOn } = await thread.getProperties();
    await owner.chat.deleteChatThread(thread.threadId);
    for (const person of [owner, other]) {
      const [item] = await items(person.chat.listChatThreads());
      assert.equal(item?.id, thread.threadId);
      assert.ok(item.deletedOn >= createdOn, `deletedOn is ${item.deletedOn}`);
    }
  },

  async outsider_refused(world) {
    const [owner, other, outsider] = await world.people(3);
    const thread = await owner.createThread([other]);
    const { id } = await thread.sendMessage({ content: "secret" });
    const seen = outsider.thread(thread.threadId);
    await refused(403, () => seen.getProperties());
    await refused(403, () => seen.sendMessage({ content: "hello" }));
    await refused(403, () => items(seen.listMessages()));
    await refused(403, () => seen.getMessage(id));
    await refused(403, () => items(seen.listParticipants()));
    await refused(403, () => seen.updateTopic("mine now"));
    await refused(403, () => seen.addParticipants({ participants: [outsider.asParticipant()] }));
    await refused(403, () => seen.sendReadReceipt({ chatMessageId: id }));
    await refused(403, () => seen.sendTypingNotification());
    await refused(403, () => outsider.chat.deleteChatThread(thread.threadId));
  },
};
