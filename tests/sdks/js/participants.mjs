// Participants of a thread and the history they see.
import assert from "node:assert/strict";
import { idsOf } from "./threads.mjs";
import { items, pages, refused, sameSet, sendLaterThan } from "./world.mjs";

const PHONE_NUMBER = "+14255550123";

/** A well-formed user id of the same resource that nobody has. */
const unknownUserLike = (knownId) => ({ id: { communicationUserId: knownId.slice(0, -12) + "f".repeat(12) } });

async function textsSeenBy(person, thread) {
  const messages = await items(person.thread(thread.threadId).listMessages());
  return messages.filter((message) => message.type === "text").map((message) => message.content.message);
}

/**
 * What a newcomer sees of one, two and three, and of four sent later. `share`
 * gets the thread's creation time and the messages one to three.
 */
async function history(world, share) {
  const [owner, other, newcomer] = await world.people(3);
  const thread = await owner.createThread([other]);
  const { createdOn } = await thread.getProperties();
  const sent = [];
  for (const text of ["one", "two", "three"]) {
    sent.push(await sendLaterThan(thread, sent.at(-1)?.createdOn ?? createdOn, text));
  }
  await thread.addParticipants({ participants: [newcomer.asParticipant(share(createdOn, sent))] });
  await thread.sendMessage({ content: "four" });
  return new Set(await textsSeenBy(newcomer, thread));
}

function onlyError(result, knownId) {
  const [error, ...more] = result.invalidParticipants ?? [];
  assert.ok(error, "nobody was reported");
  assert.equal(more.length, 0, "somebody else was reported, too");
  assert.ok(error.message, "the report has no message");
  if (knownId) assert.equal(error.target, knownId, "the target is not the id that was sent");
  return error;
}

export const checks = {
  async add(world) {
    const [owner, second, third] = await world.people(3);
    const thread = await owner.createThread([second]);
    // Any participant may add others, not only the creator.
    const added = await second
      .thread(thread.threadId)
      .addParticipants({ participants: [third.asParticipant({ displayName: "Third" })] });
    assert.ok(!added.invalidParticipants?.length, "a valid participant was rejected");
    sameSet(await idsOf(thread), [owner.id, second.id, third.id]);
    await third.thread(thread.threadId).sendMessage({ content: "hello" });
  },

  async history_all(world) {
    const seen = await history(world, (createdOn) => ({ shareHistoryTime: createdOn }));
    sameSet(seen, ["one", "two", "three", "four"], `all of the history should be there: ${[...seen]}`);
  },

  async history_none(world) {
    const after = (message) => new Date(message.createdOn.getTime() + 1);
    const seen = await history(world, (_, sent) => ({ shareHistoryTime: after(sent.at(-1)) }));
    sameSet(seen, ["four"], `nothing from before joining should be there: ${[...seen]}`);
  },

  async history_since(world) {
    // sendLaterThan made "two" certainly later than "one".
    const seen = await history(world, (_, sent) => ({ shareHistoryTime: sent[1].createdOn }));
    sameSet(seen, ["two", "three", "four"], `the history from two on should be there: ${[...seen]}`);
  },

  async history_unset(world) {
    const seen = await history(world, () => ({}));
    sameSet(seen, ["four"], `nothing from before joining should be there: ${[...seen]}`);
  },

  async list_pages(world) {
    const everybody = await world.people(5);
    const thread = await everybody[0].createThread(everybody.slice(1));
    const paged = await pages(thread.listParticipants({ maxPageSize: 2 }));
    assert.deepEqual(paged.map((page) => page.length), [2, 2, 1]);
    const listed = paged.flat().map((participant) => participant.id.communicationUserId);
    sameSet(listed, everybody.map((person) => person.id));
    // Without a page size: chat 1.0.0 puts its own skip into the server's nextLink
    // again, which may begin the same page over and over.
    const rest = await items(thread.listParticipants({ skip: 2 }));
    assert.deepEqual(rest.map((participant) => participant.id.communicationUserId), listed.slice(2));
  },

  async unknown_user_reported(world) {
    const [owner, other, third] = await world.people(3);
    const thread = await owner.createThread([other]);
    const nobody = unknownUserLike(other.id);
    const added = await thread.addParticipants({ participants: [third.asParticipant(), nobody] });
    assert.equal(onlyError(added, nobody.id.communicationUserId).code, "404");
    sameSet(await idsOf(thread), [owner.id, other.id, third.id], "the valid participant should be in");
  },

  async unknown_user_reported_on_create(world) {
    const [owner, other] = await world.people(2);
    const nobody = unknownUserLike(other.id);
    const participants = [other.asParticipant(), nobody];
    const created = await owner.chat.createChatThread({ topic: "a topic" }, { participants });
    assert.equal(onlyError(created, nobody.id.communicationUserId).code, "404");
    sameSet(await idsOf(owner.thread(created.chatThread.id)), [owner.id, other.id]);
  },

  async phone_number_reported(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other]);
    const added = await thread.addParticipants({ participants: [{ id: { phoneNumber: PHONE_NUMBER } }] });
    const error = onlyError(added);
    assert.equal(error.code, "403");
    assert.ok(error.target.includes(PHONE_NUMBER), `the target does not name the number: ${error.target}`);
    sameSet(await idsOf(thread), [owner.id, other.id]);
  },

  async remove(world) {
    const [owner, second, third] = await world.people(3);
    const thread = await owner.createThread([second, third]);
    await thread.removeParticipant(third.user);
    sameSet(await idsOf(thread), [owner.id, second.id]);
    // Leaving is removing oneself.
    await second.thread(thread.threadId).removeParticipant(second.user);
    sameSet(await idsOf(thread), [owner.id]);
  },

  async removed_reads_history(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other]);
    await thread.sendMessage({ content: "before" });
    await thread.removeParticipant(other.user);
    await thread.sendMessage({ content: "after" });
    assert.deepEqual(await textsSeenBy(other, thread), ["before"], "the history up to the removal, and no more");
  },

  async removed_cannot_send(world) {
    const [owner, other] = await world.people(2);
    const thread = await owner.createThread([other]);
    const seen = other.thread(thread.threadId);
    await seen.sendMessage({ content: "before" });
    await thread.removeParticipant(other.user);
    await refused(403, () => seen.sendMessage({ content: "after" }));
  },
};
