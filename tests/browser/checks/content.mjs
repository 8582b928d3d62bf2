// Text that the wire could break: it is JSON in JSON in a frame, and parts of
// it go through unescape().
import assert from "node:assert/strict";

const NASTY = [
  "100%",
  "%41 %u0041 %25 %zz",
  "😀👩‍👩‍👧‍👦🇸🇪",
  "a:b::3:::{}",
  'quotes " and \\ and \\n and \\u0041',
  "two\nlines\tand a tab\r\n",
  "\u2028 and \u2029 and \ufffd5\ufffd3::: and \u0001",
  "<b>&amp;</b>",
  "{}",
  "null",
  "é e\u0301 ñ 漢字 עברית",
  "long ".repeat(4000) + "😀",
];

export const checks = {
  texts: {
    title: "Messages with emoji, percent signs, control characters, frame marks, 20 KB arrive as sent",
    async run(world) {
      const [ann, bob] = await world.people("Ann", "Bob");
      const tab = await bob.tab();
      const thread = await ann.createThread([bob]);
      for (const content of NASTY) await thread.sendMessage({ content });
      await tab.hasMessages(thread.threadId, NASTY);
    },
  },

  html: {
    title: "An html message arrives as RichText/Html",
    async run(world) {
      const [ann, bob] = await world.people("Ann", "Bob");
      const tab = await bob.tab();
      const thread = await ann.createThread([bob]);
      await thread.sendMessage({ content: "<p>100% <b>bold</b></p>" }, { type: "html" });
      const event = await tab.only("chatMessageReceived");
      assert.equal(event.type, "RichText/Html");
      assert.equal(event.message, "<p>100% <b>bold</b></p>");
    },
  },

  names: {
    title: "Topics, display names and metadata with the same marks arrive as sent",
    async run(world) {
      const nasty = 'x 100% %41 %u0041 " \\ \\u0041 😀 ñ \n :';
      const [ann, bob] = await world.people(`Ann ${nasty}`, `Bob ${nasty}`);
      const tab = await bob.tab();
      const thread = await ann.createThread([bob], { topic: `Topic ${nasty}` });
      const created = await tab.only("chatThreadCreated");
      assert.equal(created.properties.topic, `Topic ${nasty}`);
      assert.equal(created.createdBy.displayName, ann.displayName);
      assert.deepEqual(created.participants.map((one) => one.displayName).sort(), [ann.displayName, bob.displayName].sort());
      const metadata = { [`key ${nasty}`]: nasty };
      await thread.sendMessage({ content: "." }, { metadata, senderDisplayName: nasty });
      const message = await tab.only("chatMessageReceived");
      assert.deepEqual(message.metadata, metadata);
      assert.equal(message.senderDisplayName, nasty);
    },
  },
};
