// Messages that users send.
import assert from "node:assert/strict";
import { CODE_NOT_READ, items, pages, refused, sendLaterThan } from "./world.mjs";

const EMOJI = "👍 🎉 🇸🇪 👩🏽‍🚀 👨‍👩‍👧‍👦 ❤️ 1️⃣";
const UNICODE =
  "nul:\u0000 tab:\t line:\r\n quote:\" back:\\ " +
  "rtl:שלום مرحبا\u200f\u202eevil\u202c zwj:क्\u200dष joiner:\u200c bom:\ufeff " +
  "combining:e\u0301 astral:𝒳𠜎\u{10fffd} nonchar:\uffff line separator:\u2028 del:\u007f c1:\u0085";

async function usersMessages(thread) {
  const messages = await items(thread.listMessages());
  return messages.filter((message) => ["text", "html"].includes(message.type));
}

async function pair(world, options) {
  const [owner, other] = await world.people(2);
  const thread = await owner.createThread([other], options);
  return { owner, thread, seen: other.thread(thread.threadId) };
}

async function comesBack(world, text) {
  const { thread, seen } = await pair(world, { topic: text });
  const { id } = await thread.sendMessage({ content: text }, { senderDisplayName: text });
  const message = await seen.getMessage(id);
  assert.equal(message.content.message, text, "the content came back differently");
  assert.equal(message.senderDisplayName, text, "the name came back differently");
  const [listed] = await usersMessages(thread);
  assert.equal(listed.content.message, text, "the content is listed differently");
  assert.equal((await thread.getProperties()).topic, text, "the topic came back differently");
}

export const checks = {
  async send_text(world) {
    const { owner, thread, seen } = await pair(world);
    const sent = await thread.sendMessage({ content: "hello world" }, { senderDisplayName: "Owner" });
    const [message, ...more] = await usersMessages(seen);
    assert.equal(more.length, 0);
    assert.equal(message.id, sent.id);
    assert.equal(message.type, "text");
    assert.equal(message.content.message, "hello world");
    assert.equal(message.sender.communicationUserId, owner.id);
    assert.equal(message.senderDisplayName, "Owner");
    assert.equal(message.editedOn, undefined);
    assert.equal(message.deletedOn, undefined);
    assert.ok(message.version && message.sequenceId);
  },

  async send_html(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "<p>hello <b>bold</b></p>" }, { type: "html" });
    const message = await seen.getMessage(id);
    assert.equal(message.type, "html");
    assert.match(message.content.message, /hello/);
    assert.match(message.content.message, /<b>bold<\/b>/, "harmless markup is gone");
  },

  async html_sanitised(world) {
    const { thread, seen } = await pair(world);
    const content =
      "<p>safe<script>alert(1)</script><img src=x onerror=alert(2)>" +
      "<a href='javascript:alert(3)'>link</a><iframe src='https://example.com'></iframe></p>";
    const { id } = await thread.sendMessage({ content }, { type: "html" });
    const { message } = (await seen.getMessage(id)).content;
    assert.ok(message.includes("safe") && message.includes("link"), `the text is gone: ${message}`);
    for (const danger of ["<script", "alert(1)", "onerror", "javascript:", "<iframe"]) {
      assert.ok(!message.toLowerCase().includes(danger), `${danger} is still there: ${message}`);
    }
    await thread.updateMessage(id, { content: "<i>edited</i><script>alert(4)</script>" });
    const edited = (await seen.getMessage(id)).content.message;
    assert.ok(edited.includes("edited") && !edited.includes("<script"), `an edit brings scripts back: ${edited}`);
  },

  async metadata(world) {
    const { thread, seen } = await pair(world);
    const metadata = { order: "42", språk: "svenska", empty: "" };
    const { id } = await thread.sendMessage({ content: "hello" }, { metadata });
    assert.deepEqual({ ...(await seen.getMessage(id)).metadata }, metadata);
    const [message] = await usersMessages(seen);
    assert.deepEqual({ ...message.metadata }, metadata, "the list has other metadata");
  },

  emoji: (world) => comesBack(world, EMOJI),
  unicode: (world) => comesBack(world, UNICODE),

  async get(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "hello" });
    const [listed] = await usersMessages(thread);
    assert.equal(listed.id, id);
    assert.deepEqual(JSON.parse(JSON.stringify(await seen.getMessage(id))), JSON.parse(JSON.stringify(listed)));
  },

  async get_unknown(world) {
    const { thread } = await pair(world);
    // Chat 1.0.0 reads the error's body only for statuses that its API file names.
    await refused(404, () => thread.getMessage("1600000000000"), CODE_NOT_READ);
  },

  async list_newest_first(world) {
    const { thread, seen } = await pair(world);
    const sent = [];
    for (let n = 0; n < 5; n++) sent.unshift((await thread.sendMessage({ content: `message ${n}` })).id);
    const listed = await usersMessages(seen);
    assert.deepEqual(listed.map((message) => message.id), sent, "not newest first");
    const times = listed.map((message) => message.createdOn.getTime());
    assert.deepEqual(times, [...times].sort((a, b) => b - a), "creation times are out of order");
  },

  async list_pages(world) {
    const { thread } = await pair(world);
    for (let n = 0; n < 5; n++) await thread.sendMessage({ content: `message ${n}` });
    const everything = (await items(thread.listMessages())).map((message) => message.id);
    const paged = await pages(thread.listMessages({ maxPageSize: 2 }));
    assert.ok(Math.max(...paged.map((page) => page.length)) <= 2, "a page is too long");
    assert.deepEqual(paged.flat().map((message) => message.id), everything);
    assert.equal(everything.length, 7, "five messages and the two that a new thread starts with");
  },

  async list_start_time(world) {
    const { thread } = await pair(world);
    const first = await sendLaterThan(thread, (await thread.getProperties()).createdOn, "first");
    const second = await sendLaterThan(thread, first.createdOn, "second");
    const third = await sendLaterThan(thread, second.createdOn, "third");
    const listed = await items(thread.listMessages({ startTime: second.createdOn }));
    const ids = listed.map((message) => message.id);
    assert.ok(ids.includes(third.id), "a message after startTime is missing");
    assert.ok(!ids.includes(first.id), "a message before startTime is listed");
    const paged = (await pages(thread.listMessages({ startTime: first.createdOn, maxPageSize: 1 }))).flat();
    const pagedIds = paged.map((message) => message.id);
    assert.ok(pagedIds.includes(second.id) && pagedIds.includes(third.id), "a page lost startTime's messages");
    assert.ok(paged.every((message) => message.createdOn >= first.createdOn), "a page forgot startTime");
  },

  async update(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "helo" });
    const before = await thread.getMessage(id);
    await thread.updateMessage(id, { content: "hello" });
    const after = await seen.getMessage(id);
    assert.equal(after.content.message, "hello");
    assert.ok(after.editedOn >= before.createdOn, `editedOn is ${after.editedOn}`);
    assert.notEqual(after.version, before.version, "the version has not changed");
    assert.equal(after.sequenceId, before.sequenceId);
    assert.deepEqual(after.createdOn, before.createdOn);
    const [listed, ...more] = await usersMessages(thread);
    assert.equal(more.length, 0);
    assert.equal(listed.content.message, "hello");
    assert.equal(listed.version, after.version, "the list has the old version");
  },

  async update_metadata(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "hello" }, { metadata: { state: "new" } });
    await thread.updateMessage(id, { content: "hello", metadata: { state: "seen" } });
    assert.deepEqual({ ...(await seen.getMessage(id)).metadata }, { state: "seen" });
  },

  async update_others_refused(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "mine" });
    await refused(403, () => seen.updateMessage(id, { content: "yours" }));
    assert.equal((await thread.getMessage(id)).content.message, "mine");
  },

  async delete(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "secret" });
    const kept = await thread.sendMessage({ content: "kept" });
    await thread.deleteMessage(id);
    const listed = new Map((await items(seen.listMessages())).map((message) => [message.id, message]));
    const deleted = listed.get(id);
    assert.ok(deleted, "the deleted message is not listed");
    assert.ok(deleted.deletedOn >= deleted.createdOn, `deletedOn is ${deleted.deletedOn}`);
    assert.ok(!deleted.content?.message, "the content is still there");
    assert.equal(listed.get(kept.id).deletedOn, undefined);
    assert.equal(listed.get(kept.id).content.message, "kept");
  },

  async delete_others_refused(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "mine" });
    await refused(403, () => seen.deleteMessage(id));
    assert.equal((await thread.getMessage(id)).deletedOn, undefined);
  },
};
