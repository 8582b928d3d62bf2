// Each of the twelve events: what is in it, for one who reads along.
import assert from "node:assert/strict";
import { sameTime, timeBetween } from "../world.mjs";

const TEXT = "hi 100% — ñ 漢字 😀 a:b";

/** Ann acts from Node, Bob reads along in a tab; they share a thread. */
async function annAndBob(world, options) {
  const [ann, bob] = await world.people("Ann 50% ñ", "Bob 😀");
  const tab = await bob.tab();
  const thread = await ann.createThread([bob], options);
  return { ann, bob, tab, thread };
}

function isFrom(event, { ann, bob, thread }) {
  assert.equal(event.threadId, thread.threadId);
  assert.deepEqual(event.sender, ann.identifier);
  assert.deepEqual(event.recipient, bob.identifier);
}

/** The event tells of a message what GET tells of it. */
function isOfMessage(event, message) {
  assert.equal(event.id, message.id);
  assert.equal(event.type.toLowerCase(), "text");
  assert.equal(event.version, message.version);
  assert.equal(event.senderDisplayName, message.senderDisplayName);
  sameTime(event.createdOn, message.createdOn, "createdOn");
}

function isParticipant(participant, person) {
  assert.deepEqual(participant.id, person.identifier);
  assert.equal(participant.displayName, person.displayName);
}

function areParticipants(participants, people) {
  const byId = (list, idOf) => new Map(list.map((one) => [idOf(one), one]));
  const found = byId(participants, (participant) => participant.id.communicationUserId);
  assert.deepEqual([...found.keys()].sort(), people.map((person) => person.id).sort());
  assert.equal(participants.length, people.length);
  for (const person of people) isParticipant(found.get(person.id), person);
}

/** 1.5.4 hands the properties on as they came, newer versions read what is in them. */
function metadataOf(event, world) {
  const { metadata, acsChatThreadMetadata } = event.properties;
  return world.suite.version === "1.5.4" ? JSON.parse(acsChatThreadMetadata) : metadata;
}

const POLICY = { kind: "threadCreationDate", deleteThreadAfterDays: 60 };

export const checks = {
  connected: {
    title: "realTimeNotificationConnected: once, after the start, over the transport of the suite",
    async run(world) {
      const bob = await world.person("Bob");
      const tab = await bob.tab();
      await tab.quiet();
      assert.deepEqual(tab.inbox.map((entry) => entry.kind), ["realTimeNotificationConnected"]);
      const { calls, webSockets } = await tab.call("witness");
      // The handshake is seen, so a poll would be.
      assert.equal(calls.filter(({ url }) => url.includes("/socket.io/1/?")).length, 1);
      const polls = calls.filter(({ url }) => url.includes("/socket.io/1/xhr-polling/"));
      if (world.suite.transport === "websocket") {
        assert.equal(webSockets.length, 1);
        assert.equal(polls.length, 0);
      } else {
        assert.equal(webSockets.length, 0);
        assert.ok(polls.length > 0);
      }
    },
  },

  disconnected: {
    title: "realTimeNotificationDisconnected: when an established connection is lost",
    async run(world) {
      const [bob, link] = [await world.person("Bob"), await world.link()];
      const tab = await bob.tab({ link });
      link.cut();
      await tab.disconnected(1);
      await tab.quiet();
      assert.deepEqual(tab.inbox.map((entry) => entry.kind), [
        "realTimeNotificationConnected",
        "realTimeNotificationDisconnected",
      ]);
    },
  },

  message_received: {
    title: "chatMessageReceived: sender, recipient, thread, text, version, time, metadata",
    async run(world) {
      const scene = await annAndBob(world);
      const metadata = { tag: "50% 😀", other: "" };
      const { id } = await scene.thread.sendMessage({ content: TEXT }, { senderDisplayName: "Ann (phone)", metadata });
      const event = await scene.tab.only("chatMessageReceived");
      isFrom(event, scene);
      isOfMessage(event, await scene.thread.getMessage(id));
      assert.equal(event.id, id);
      assert.equal(event.senderDisplayName, "Ann (phone)");
      assert.equal(event.message, TEXT);
      assert.deepEqual(event.metadata, metadata);
      assert.deepEqual(event.attachments ?? [], []);
    },
  },

  message_edited: {
    title: "chatMessageEdited: the new text, its own version, both times",
    async run(world) {
      const scene = await annAndBob(world);
      const { id } = await scene.thread.sendMessage({ content: "before" }, { senderDisplayName: "Ann", metadata: { a: "1" } });
      await scene.thread.updateMessage(id, { content: TEXT, metadata: { a: "2" } });
      const event = await scene.tab.only("chatMessageEdited");
      const message = await scene.thread.getMessage(id);
      isFrom(event, scene);
      isOfMessage(event, message);
      assert.equal(event.message, TEXT);
      assert.deepEqual(event.metadata, { a: "2" });
      sameTime(event.editedOn, message.editedOn, "editedOn");
      assert.notEqual(event.version, (await scene.tab.only("chatMessageReceived")).version);
    },
  },

  message_deleted: {
    title: "chatMessageDeleted: which message, and when",
    async run(world) {
      const scene = await annAndBob(world);
      const { id } = await scene.thread.sendMessage({ content: "soon gone" }, { senderDisplayName: "Ann" });
      const { createdOn } = await scene.thread.getMessage(id);
      const from = new Date();
      await scene.thread.deleteMessage(id);
      const event = await scene.tab.only("chatMessageDeleted");
      isFrom(event, scene);
      assert.equal(event.id, id);
      assert.equal(event.senderDisplayName, "Ann");
      assert.match(event.version, /^\d+$/);
      sameTime(event.createdOn, createdOn, "createdOn");
      timeBetween(event.deletedOn, from, new Date(), "deletedOn");
      assert.equal(event.message, undefined);
    },
  },

  typing: {
    title: "typingIndicatorReceived: who, under which name, in which thread, when",
    async run(world) {
      const scene = await annAndBob(world);
      const from = new Date();
      await scene.thread.sendTypingNotification({ senderDisplayName: "Ann 100%" });
      const event = await scene.tab.only("typingIndicatorReceived");
      isFrom(event, scene);
      assert.equal(event.senderDisplayName, "Ann 100%");
      assert.match(event.version, /^\d+$/);
      timeBetween(event.receivedOn, from, new Date(), "receivedOn");
    },
  },

  read_receipt: {
    title: "readReceiptReceived: who has read which message, and when",
    async run(world) {
      const scene = await annAndBob(world);
      const { id } = await scene.thread.sendMessage({ content: "read me" });
      const from = new Date();
      await scene.thread.sendReadReceipt({ chatMessageId: id });
      const event = await scene.tab.only("readReceiptReceived");
      isFrom(event, scene);
      assert.equal(event.chatMessageId, id);
      timeBetween(event.readOn, from, new Date(), "readOn");
    },
  },

  thread_created: {
    title: "chatThreadCreated: by whom, with whom, topic, metadata, retention policy",
    async run(world) {
      const from = new Date();
      const options = { topic: "Lunch 100% — ñ 😀", metadata: { room: "5 %41" }, retentionPolicy: POLICY };
      const { ann, bob, tab, thread } = await annAndBob(world, options);
      const event = await tab.only("chatThreadCreated");
      assert.equal(event.threadId, thread.threadId);
      assert.match(event.version, /^\d+$/);
      timeBetween(event.createdOn, from, new Date(), "createdOn");
      sameTime(event.createdOn, (await thread.getProperties()).createdOn, "createdOn");
      isParticipant(event.createdBy, ann);
      areParticipants(event.participants, [ann, bob]);
      assert.equal(event.properties.topic, options.topic);
      assert.deepEqual(metadataOf(event, world), options.metadata);
      if (world.suite.version !== "1.5.4") assert.deepEqual(event.retentionPolicy, POLICY);
    },
  },

  thread_properties_updated: {
    title: "chatThreadPropertiesUpdated: by whom, the new topic, metadata, retention policy",
    async run(world) {
      const { ann, tab, thread } = await annAndBob(world, { metadata: { room: "5" }, retentionPolicy: POLICY });
      const created = await tab.only("chatThreadCreated");
      const from = new Date();
      await thread.updateTopic("Dinner 100% — ñ 😀");
      const event = await tab.only("chatThreadPropertiesUpdated");
      assert.equal(event.threadId, thread.threadId);
      assert.match(event.version, /^\d+$/);
      assert.notEqual(event.version, created.version);
      timeBetween(event.updatedOn, from, new Date(), "updatedOn");
      isParticipant(event.updatedBy, ann);
      assert.equal(event.properties.topic, "Dinner 100% — ñ 😀");
      assert.deepEqual(metadataOf(event, world), { room: "5" });
      if (world.suite.version !== "1.5.4") assert.deepEqual(event.retentionPolicy, POLICY);
    },
  },

  thread_deleted: {
    title: "chatThreadDeleted: by whom, when, and why",
    async run(world) {
      const { ann, tab, thread } = await annAndBob(world);
      const from = new Date();
      await ann.chat.deleteChatThread(thread.threadId);
      const event = await tab.only("chatThreadDeleted");
      assert.equal(event.threadId, thread.threadId);
      assert.match(event.version, /^\d+$/);
      timeBetween(event.deletedOn, from, new Date(), "deletedOn");
      isParticipant(event.deletedBy, ann);
      if (world.suite.version !== "1.5.4") assert.equal(event.reason, "deletedByUser");
    },
  },

  participants_added: {
    title: "participantsAdded: by whom, whom, to those there and to the new ones",
    async run(world) {
      const { ann, tab, thread } = await annAndBob(world);
      const [eve, joe] = await world.people("Eve 100% ñ", "Joe 😀");
      const eveTab = await eve.tab();
      const from = new Date();
      const shareHistoryTime = new Date(from - 3_600_000);
      const metadata = { role: "agent 100% 😀" };
      await thread.addParticipants({ participants: [eve, joe].map((one) => one.asParticipant({ shareHistoryTime, metadata })) });
      for (const reader of [tab, eveTab]) {
        const event = await reader.only("participantsAdded");
        assert.equal(event.threadId, thread.threadId);
        assert.match(event.version, /^\d+$/);
        timeBetween(event.addedOn, from, new Date(), "addedOn");
        isParticipant(event.addedBy, ann);
        areParticipants(event.participantsAdded, [eve, joe]);
        for (const one of event.participantsAdded) {
          sameTime(one.shareHistoryTime, shareHistoryTime, "shareHistoryTime");
          if (world.suite.version !== "1.5.4") assert.deepEqual(one.metadata, metadata);
        }
      }
    },
  },

  participants_removed: {
    title: "participantsRemoved: by whom, whom",
    async run(world) {
      const { ann, tab, thread } = await annAndBob(world);
      const eve = await world.person("Eve 100% ñ");
      const shareHistoryTime = new Date(Date.now() - 3_600_000);
      await thread.addParticipants({ participants: [eve.asParticipant({ shareHistoryTime })] });
      const from = new Date();
      await thread.removeParticipant({ communicationUserId: eve.id });
      const event = await tab.only("participantsRemoved");
      assert.equal(event.threadId, thread.threadId);
      assert.match(event.version, /^\d+$/);
      timeBetween(event.removedOn, from, new Date(), "removedOn");
      isParticipant(event.removedBy, ann);
      areParticipants(event.participantsRemoved, [eve]);
      sameTime(event.participantsRemoved[0].shareHistoryTime, shareHistoryTime, "shareHistoryTime");
    },
  },
};
