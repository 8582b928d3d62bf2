// The packages of 2020, 1.0.0-beta.1 and beta.3: members instead of participants,
// plain strings instead of contents. They share nothing with later ones but the idea.
import assert from "node:assert/strict";
import { CONNECTION_STRING, ENDPOINT, items, pages, sameSet } from "./world.mjs";

const EMOJI = "👍 🇸🇪 👩🏽‍🚀 👨‍👩‍👧‍👦 שלום \u0000 𝒳";

class Person {
  constructor(sdk, user, token) {
    this.user = user;
    this.id = user.communicationUserId;
    this.chat = new sdk.ChatClient(ENDPOINT, new sdk.AzureCommunicationUserCredential(token));
  }

  member(shareHistoryTime) {
    return { user: this.user, displayName: "name", shareHistoryTime };
  }

  createThread(others = [], topic = "a topic") {
    return this.chat.createChatThread({ topic, members: [this, ...others].map((person) => person.member()) });
  }

  /** This person's view of somebody's thread. */
  at(thread) {
    return this.chat.getChatThreadClient(thread.threadId);
  }

  threads() {
    return items(this.chat.listChatThreads());
  }
}

const identities = (world) => new world.sdk.CommunicationIdentityClient(CONNECTION_STRING);

async function people(world, count) {
  const found = [];
  while (found.length < count) {
    const user = await identities(world).createUser();
    const { token } = await identities(world).issueToken(user, ["chat"]);
    found.push(new Person(world.sdk, user, token));
  }
  return found;
}

async function pair(world) {
  const [owner, other] = await people(world, 2);
  const thread = await owner.createThread([other]);
  return { owner, other, thread, seen: await other.at(thread) };
}

/**
 * Where their API file names a refusal's status, these packages throw nothing:
 * they answer with the error's body and the response. Lists alone hide both.
 */
async function refusedWith(status, call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    assert.equal(error.statusCode, status, `expected ${status}, got ${error.statusCode}: ${error.message}`);
    return;
  }
  assert.equal(answer?._response?.status, status, `expected ${status}, but the call succeeded`);
}

/** A call that answers with its status; of a list nothing would be seen. */
const anyCall = (person) => () => person.chat.deleteChatThread("19:nobody@thread.v2");
const texts = async (thread) =>
  (await items(thread.listMessages())).filter(({ type }) => type === "Text").map(({ content }) => content);
const idsOf = async (thread) => (await items(thread.listMembers())).map(({ user }) => user.communicationUserId);

/** Two messages may share a millisecond; the server's times decide. */
async function sendLaterThan(thread, instant, content) {
  for (;;) {
    const { id } = await thread.sendMessage({ content });
    const message = await thread.getMessage(id);
    if (message.createdOn > instant) return message;
  }
}

export const checks = {
  async scopes(world) {
    const user = await identities(world).createUser();
    for (const scopes of [["chat"], ["voip"], ["pstn"], ["chat", "voip", "pstn"]]) {
      const issued = await identities(world).issueToken(user, scopes);
      assert.equal(issued.user.communicationUserId, user.communicationUserId, "the token is for somebody else");
      assert.equal(issued.token.split(".").length, 3, `no token for ${scopes}`);
      assert.ok(issued.expiresOn > new Date());
    }
  },

  async message_types(world) {
    const [owner, other, third] = await people(world, 3);
    const thread = await owner.createThread([other]);
    await thread.sendMessage({ content: "hello" });
    await thread.updateThread({ topic: "dinner" });
    await thread.addMembers({ members: [third.member()] });
    await thread.removeMember(third.user);
    assert.deepEqual((await items(thread.listMessages())).map((message) => message.type), [
      "ThreadActivity/DeleteMember",
      "ThreadActivity/AddMember",
      "ThreadActivity/TopicUpdate",
      "Text",
      "ThreadActivity/TopicUpdate",
      "ThreadActivity/AddMember",
    ]);
  },

  async list_pages(world) {
    const { thread } = await pair(world);
    const sent = [];
    for (let n = 0; n < 5; n++) sent.unshift((await thread.sendMessage({ content: `message ${n}` })).id);
    const paged = await pages(thread.listMessages({ maxPageSize: 2 }));
    assert.ok(Math.max(...paged.map((page) => page.length)) <= 2, "a page is too long");
    const listed = paged.flat().filter((message) => message.type === "Text").map((message) => message.id);
    assert.deepEqual(listed, sent, "not newest first, or not all");
    const startTime = (await thread.getMessage(sent[3])).createdOn;
    const later = await items(thread.listMessages({ startTime }));
    assert.ok(later.length && later.every((message) => message.createdOn >= startTime), "startTime was ignored");
  },

  async priority(world) {
    const { thread, seen } = await pair(world);
    for (const priority of ["Normal", "High"]) {
      const { id } = await thread.sendMessage({ content: "hello" }, { priority });
      assert.equal((await seen.getMessage(id)).priority, priority);
    }
    const listed = (await items(thread.listMessages())).filter((message) => message.type === "Text");
    assert.deepEqual(listed.map((message) => message.priority), ["High", "Normal"]);
  },

  async emoji(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: EMOJI }, { senderDisplayName: EMOJI });
    const message = await seen.getMessage(id);
    assert.equal(message.content, EMOJI, "the content came back differently");
    assert.equal(message.senderDisplayName, EMOJI, "the name came back differently");
  },

  async update_message(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "helo" });
    const before = await thread.getMessage(id);
    await thread.updateMessage(id, { content: "hello" });
    const after = (await items(seen.listMessages())).find((message) => message.id === id);
    assert.equal(after.content, "hello");
    assert.ok(after.editedOn >= before.createdOn, `editedOn is ${after.editedOn}`);
    assert.notEqual(after.version, before.version, "the version has not changed");
    await refusedWith(403, () => seen.updateMessage(id, { content: "mine now" }));
  },

  async delete_message(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "secret" });
    await refusedWith(403, () => seen.deleteMessage(id));
    await thread.deleteMessage(id);
    const deleted = (await items(seen.listMessages())).find((message) => message.id === id);
    assert.ok(deleted?.deletedOn >= deleted?.createdOn, `deletedOn is ${deleted?.deletedOn}`);
    assert.ok(!deleted.content, `the content is still there: ${deleted.content}`);
  },

  async list_members(world) {
    const [owner, second, third] = await people(world, 3);
    const thread = await owner.createThread([second, third]);
    const members = await items(thread.listMembers());
    sameSet(members.map(({ user }) => user.communicationUserId), [owner.id, second.id, third.id]);
    assert.ok(members.every((member) => member.displayName === "name"), "a display name is lost");
    await thread.removeMember(third.user);
    sameSet(await idsOf(thread), [owner.id, second.id]);
  },

  async share_history(world) {
    const [owner, ...newcomers] = await people(world, 4);
    const thread = await owner.createThread();
    const { createdOn } = await owner.chat.getChatThread(thread.threadId);
    const one = await sendLaterThan(thread, createdOn, "one");
    const two = await sendLaterThan(thread, one.createdOn, "two");
    const afterAll = new Date((await items(thread.listMessages()))[0].createdOn.getTime() + 1);
    // Adding somebody leaves no text of its own.
    const shared = [[createdOn, "one"], [two.createdOn, "two"], [afterAll, undefined]];
    for (const [instant, oldest] of shared) {
      const newcomer = newcomers.pop();
      await thread.addMembers({ members: [newcomer.member(instant)] });
      const seen = await texts(await newcomer.at(thread));
      assert.equal(seen.at(-1), oldest, `shared since ${instant.toISOString()}: ${seen}`);
      assert.equal(seen.includes("two"), oldest !== undefined, `shared since ${instant.toISOString()}: ${seen}`);
    }
  },

  async removed_member(world) {
    const { other, thread, seen } = await pair(world);
    await thread.sendMessage({ content: "before" });
    await thread.removeMember(other.user);
    await thread.sendMessage({ content: "after" });
    assert.deepEqual(await texts(seen), ["before"], "the history up to the removal, and no more");
    await refusedWith(403, () => seen.sendMessage({ content: "hello?" }));
  },

  async read_receipts(world) {
    const { other, thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "read me" });
    const { createdOn } = await thread.getMessage(id);
    await seen.sendReadReceipt({ chatMessageId: id });
    const [receipt, ...more] = await items(thread.listReadReceipts());
    assert.equal(more.length, 0);
    assert.equal(receipt.sender.communicationUserId, other.id);
    assert.equal(receipt.chatMessageId, id);
    assert.ok(receipt.readOn >= createdOn, `read at ${receipt.readOn}, before it was sent`);
  },

  async typing(world) {
    const { thread } = await pair(world);
    // False would say that the SDK held it back.
    assert.equal(await thread.sendTypingNotification(), true);
  },

  async update_thread(world) {
    const { other, thread } = await pair(world);
    await thread.updateThread({ topic: "dinner" });
    assert.equal((await other.chat.getChatThread(thread.threadId)).topic, "dinner");
  },

  async get_thread(world) {
    const [owner, other] = await people(world, 2);
    const { threadId } = await owner.createThread([other], "lunch");
    const seen = await other.chat.getChatThread(threadId);
    assert.equal(seen.id, threadId);
    assert.equal(seen.topic, "lunch");
    assert.equal(seen.createdBy.communicationUserId, owner.id);
    assert.ok(seen.createdOn instanceof Date);
    sameSet(seen.members.map(({ user }) => user.communicationUserId), [owner.id, other.id]);
  },

  async list_threads(world) {
    const [owner, other] = await people(world, 2);
    const made = [];
    while (made.length < 3) made.push((await owner.createThread([other])).threadId);
    const paged = await pages(other.chat.listChatThreads({ maxPageSize: 2 }));
    assert.ok(Math.max(...paged.map((page) => page.length)) <= 2, "a page is too long");
    sameSet(paged.flat().map((item) => item.id), made);
    assert.ok(!paged.flat().some((item) => item.isDeleted), "a thread says it is deleted");
  },

  async delete_thread(world) {
    const { owner, other, thread } = await pair(world);
    await owner.chat.deleteChatThread(thread.threadId);
    await owner.chat.deleteChatThread(thread.threadId);
    for (const person of [owner, other]) {
      const [item, ...more] = await person.threads();
      assert.equal(more.length, 0);
      assert.equal(item.id, thread.threadId);
      assert.equal(item.isDeleted, true);
    }
  },

  async outsider_refused(world) {
    const [owner, other, outsider] = await people(world, 3);
    const thread = await owner.createThread([other]);
    const seen = await outsider.at(thread);
    await refusedWith(403, () => seen.sendMessage({ content: "hello" }));
    assert.deepEqual(await items(seen.listMessages()), [], "messages were shown");
    assert.deepEqual(await items(seen.listMembers()), [], "members were shown");
    await refusedWith(403, () => seen.addMembers({ members: [outsider.member()] }));
    await refusedWith(403, () => outsider.chat.getChatThread(thread.threadId));
  },

  async revoke_tokens(world) {
    const [person] = await people(world, 1);
    assert.deepEqual(await person.threads(), []);
    await identities(world).revokeTokens(person.user);
    await refusedWith(401, anyCall(person));
  },

  async revoke_tokens_issued_before(world) {
    const [person] = await people(world, 1);
    await identities(world).revokeTokens(person.user, new Date(Date.now() - 3_600_000));
    assert.deepEqual(await person.threads(), [], "a token issued after the instant was revoked");
    await identities(world).revokeTokens(person.user, new Date(Date.now() + 1000));
    await refusedWith(401, anyCall(person));
  },

  async delete_user(world) {
    const [person] = await people(world, 1);
    await identities(world).deleteUser(person.user);
    await refusedWith(401, anyCall(person));
  },
};
