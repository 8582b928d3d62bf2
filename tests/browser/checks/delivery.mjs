// Who gets which events, how often and in which order.
import assert from "node:assert/strict";

const BURST = 50;

export const checks = {
  burst: {
    title: "A burst of 50 messages from two people arrives in thread order, each once",
    async run(world) {
      const [ann, joe, bob] = await world.people("Ann", "Joe", "Bob");
      const tab = await bob.tab();
      const thread = await ann.createThread([joe, bob]);
      const sends = Array.from({ length: BURST }, (_, number) =>
        (number % 2 ? ann : joe).thread(thread.threadId).sendMessage({ content: `${number} 😀` }),
      );
      await Promise.all(sends);
      // They were sent at once: the thread says which order they have.
      const listed = [];
      for await (const message of thread.listMessages()) {
        if (message.type === "text") listed.push({ text: message.content.message, at: BigInt(message.sequenceId) });
      }
      listed.sort((one, other) => (one.at < other.at ? -1 : 1));
      assert.equal(listed.length, BURST);
      await tab.hasMessages(thread.threadId, listed.map((message) => message.text));
    },
  },

  life_of_a_thread: {
    title: "From creating to deleting a thread: each event once, in order, and no other",
    async run(world) {
      const [ann, bob, eve] = await world.people("Ann", "Bob", "Eve");
      const tab = await bob.tab();
      const thread = await ann.createThread([bob]);
      const { id } = await thread.sendMessage({ content: "one" });
      await thread.updateMessage(id, { content: "two" });
      await thread.sendTypingNotification();
      await thread.sendReadReceipt({ chatMessageId: id });
      await thread.updateMessage(id, { content: "three" });
      await thread.deleteMessage(id);
      await thread.updateTopic("another topic");
      await thread.addParticipants({ participants: [eve.asParticipant()] });
      await thread.removeParticipant({ communicationUserId: eve.id });
      await ann.chat.deleteChatThread(thread.threadId);
      await tab.until(() => tab.count("chatThreadDeleted") > 0, "chatThreadDeleted");
      await tab.quiet();
      // Passing signals have no place in the thread's order, only a number.
      const passing = ["typingIndicatorReceived", "readReceiptReceived"];
      const seen = tab.inbox.filter(({ kind }) => !passing.includes(kind)).map(({ kind, event }) => [kind, event?.message]);
      assert.deepEqual(seen, [
        ["realTimeNotificationConnected", undefined],
        ["chatThreadCreated", undefined],
        ["chatMessageReceived", "one"],
        ["chatMessageEdited", "two"],
        ["chatMessageEdited", "three"],
        ["chatMessageDeleted", undefined],
        ["chatThreadPropertiesUpdated", undefined],
        ["participantsAdded", undefined],
        ["participantsRemoved", undefined],
        ["chatThreadDeleted", undefined],
      ]);
      assert.deepEqual(passing.map((kind) => tab.count(kind)), [1, 1]);
    },
  },

  two_tabs: {
    title: "Two tabs of one user and another device of the user: each gets each message once",
    async run(world) {
      const [ann, bob] = await world.people("Ann", "Bob");
      const profile = await world.profile();
      const tabs = [await bob.tab({ profile }), await bob.tab({ profile }), await bob.tab()];
      const thread = await ann.createThread([bob]);
      const texts = ["one", "two", "three"];
      for (const content of texts) await thread.sendMessage({ content });
      for (const tab of tabs) await tab.hasMessages(thread.threadId, texts);
      // One tab less is nothing to the others.
      await tabs[0].close();
      await thread.sendMessage({ content: "four" });
      for (const tab of tabs.slice(1)) await tab.hasMessages(thread.threadId, [...texts, "four"]);
    },
  },

  sender_too: {
    title: "The sender's own tab gets the message, and is its recipient there",
    async run(world) {
      const [ann, bob] = await world.people("Ann", "Bob");
      const [annTab, bobTab] = [await ann.tab(), await bob.tab()];
      const thread = await ann.createThread([bob]);
      await thread.sendMessage({ content: "to all" });
      for (const tab of [annTab, bobTab]) {
        const event = await tab.only("chatMessageReceived");
        assert.deepEqual(event.sender, ann.identifier);
        assert.deepEqual(event.recipient, tab.person.identifier);
        assert.equal((await tab.only("chatThreadCreated")).threadId, thread.threadId);
      }
    },
  },

  participants_only: {
    title: "Who is not in the thread gets nothing: before being added, after being removed, a stranger",
    async run(world) {
      const [ann, eve, joe] = await world.people("Ann", "Eve", "Joe");
      const [annTab, eveTab, joeTab] = [await ann.tab(), await eve.tab(), await joe.tab()];
      const thread = await ann.createThread([]);
      await thread.sendMessage({ content: "before" });
      await thread.addParticipants({ participants: [eve.asParticipant()] });
      await thread.sendMessage({ content: "meanwhile" });
      await thread.removeParticipant({ communicationUserId: eve.id });
      await thread.sendMessage({ content: "after" });
      await thread.sendTypingNotification();
      await thread.updateTopic("a secret");

      // What is sent last to each of them has everything before it behind it.
      const fence = await ann.createThread([eve, joe]);
      await fence.sendMessage({ content: "fence" });
      for (const tab of [eveTab, joeTab]) await tab.hasMessages(fence.threadId, ["fence"]);
      await annTab.hasMessages(thread.threadId, ["before", "meanwhile", "after"]);
      assert.deepEqual(eveTab.messages(thread.threadId), ["meanwhile"]);
      assert.equal(eveTab.count("typingIndicatorReceived"), 0);
      assert.equal(eveTab.count("chatThreadPropertiesUpdated"), 0);
      assert.deepEqual(joeTab.inbox.filter(({ event }) => event?.threadId === thread.threadId), []);
    },
  },

  from_the_page: {
    title: "The page itself creates, sends, edits, reads, deletes, and sees a refusal's status (CORS)",
    async run(world) {
      const [ann, bob] = await world.people("Ann", "Bob");
      const tab = await ann.tab();
      const done = await tab.call("createThreadAndTalk", "a topic", [bob.id]);
      assert.ok(done.messages.includes("from the page, edited"));
      await tab.until(() => tab.count("chatMessageDeleted") > 0, "chatMessageDeleted");
      assert.equal((await tab.only("chatMessageReceived")).message, "from the page");
      assert.equal((await tab.only("chatMessageEdited")).id, done.messageId);
      assert.equal((await tab.only("chatThreadPropertiesUpdated")).properties.topic, "a topic, updated");
      const status = await tab.call("statusOfRefusedCall");
      assert.ok(status >= 400, `a refused call has the status ${status}`);
    },
  },
};
