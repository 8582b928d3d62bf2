// Read receipts.
import assert from "node:assert/strict";
import { items, pages, sameSet } from "./world.mjs";

export const checks = {
  async send_and_list(world) {
    const [owner, reader] = await world.people(2);
    const thread = await owner.createThread([reader]);
    const { id } = await thread.sendMessage({ content: "read me" });
    const { createdOn } = await thread.getMessage(id);
    assert.deepEqual(await items(thread.listReadReceipts()), [], "nobody has read anything yet");
    await reader.thread(thread.threadId).sendReadReceipt({ chatMessageId: id });
    const [receipt, ...more] = await items(thread.listReadReceipts());
    assert.equal(more.length, 0);
    assert.equal(receipt.sender.communicationUserId, reader.id);
    assert.equal(receipt.chatMessageId, id);
    assert.ok(receipt.readOn >= createdOn, `read at ${receipt.readOn}, before it was sent`);
  },

  async newest_replaces(world) {
    const [owner, reader] = await world.people(2);
    const thread = await owner.createThread([reader]);
    let last;
    for (const content of ["one", "two"]) {
      last = (await thread.sendMessage({ content })).id;
      await reader.thread(thread.threadId).sendReadReceipt({ chatMessageId: last });
    }
    const receipts = await items(thread.listReadReceipts());
    assert.deepEqual(receipts.map((receipt) => receipt.chatMessageId), [last]);
  },

  async list_pages(world) {
    const [owner, ...readers] = await world.people(4);
    const thread = await owner.createThread(readers);
    const { id: chatMessageId } = await thread.sendMessage({ content: "read me" });
    for (const reader of readers) await reader.thread(thread.threadId).sendReadReceipt({ chatMessageId });
    const paged = await pages(thread.listReadReceipts({ maxPageSize: 1 }));
    assert.deepEqual(paged.map((page) => page.length), [1, 1, 1]);
    const listed = paged.flat().map((receipt) => receipt.sender.communicationUserId);
    sameSet(listed, readers.map((reader) => reader.id));
    // Without a page size, for the reason given in participants.mjs.
    const rest = await items(thread.listReadReceipts({ skip: 1 }));
    assert.deepEqual(rest.map((receipt) => receipt.sender.communicationUserId), listed.slice(1));
  },
};
