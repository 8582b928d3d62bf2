// Attachments that a user's message brings along.
import assert from "node:assert/strict";
import { upload } from "./images.mjs";
import { items } from "./world.mjs";

async function pair(world) {
  const [owner, other] = await world.people(2);
  const thread = await owner.createThread([other]);
  return { thread, seen: other.thread(thread.threadId) };
}

const ids = (message) => (message.content.attachments ?? []).map((attachment) => attachment.id);

export const checks = {
  async send(world) {
    const { thread, seen } = await pair(world);
    const { id, name } = await upload(thread);
    const attachments = [{ id, attachmentType: "image", name }];
    const sent = await thread.sendMessage({ content: "look" }, { attachments });
    const message = await seen.getMessage(sent.id);
    assert.equal(message.content.message, "look");
    assert.deepEqual(ids(message), [id]);
    const [attachment] = message.content.attachments;
    assert.equal(attachment.attachmentType, "image");
    assert.equal(attachment.name, name);
    const listed = (await items(seen.listMessages())).find((one) => one.id === sent.id);
    assert.deepEqual(ids(listed), [id], "the list has other attachments");
  },

  async update(world) {
    const { thread, seen } = await pair(world);
    const first = await upload(thread, "first.png");
    const second = await upload(thread, "second.png");
    const asAttachment = ({ id, name }) => ({ id, attachmentType: "image", name });
    const sent = await thread.sendMessage({ content: "look" }, { attachments: [asAttachment(first)] });
    await thread.updateMessage(sent.id, { content: "look again", attachments: [asAttachment(second)] });
    const message = await seen.getMessage(sent.id);
    assert.equal(message.content.message, "look again");
    assert.deepEqual(ids(message), [second.id]);
  },

  async none(world) {
    const { thread, seen } = await pair(world);
    const { id } = await thread.sendMessage({ content: "nothing to see" });
    assert.deepEqual(ids(await seen.getMessage(id)), []);
  },
};
