// The app: what runs in the page, with the SDK of the suite packed into it.
// It keeps every event in the order in which the SDK raised it.
import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";

const CONNECTION_EVENTS = ["realTimeNotificationConnected", "realTimeNotificationDisconnected"];
const CHAT_EVENTS = [
  "chatMessageReceived",
  "chatMessageEdited",
  "chatMessageDeleted",
  "typingIndicatorReceived",
  "readReceiptReceived",
  "chatThreadCreated",
  "chatThreadDeleted",
  "chatThreadPropertiesUpdated",
  "participantsAdded",
  "participantsRemoved",
];

const inbox = [];
let tell = () => {};
let client;

/**
 * The one way into the page: the name of a function below and its arguments,
 * as JSON. The answer is JSON as well, in which times are told from texts.
 */
globalThis.app = async (name, args) => {
  try {
    return write({ value: await actions[name](...JSON.parse(args)) });
  } catch (error) {
    return write({ error: String(error) });
  }
};

function write(answer) {
  return JSON.stringify(answer, function (key, text) {
    // What is a time has become a text before it comes here.
    return this[key] instanceof Date ? { $time: this[key].getTime() } : text;
  });
}

const actions = {
  signIn(endpoint, token) {
    client = new ChatClient(endpoint, new AzureCommunicationTokenCredential(token));
  },

  async start() {
    // These two are taken before the start, all others only after it.
    for (const kind of CONNECTION_EVENTS) client.on(kind, () => record(kind, null));
    await client.startRealtimeNotifications();
    for (const kind of CHAT_EVENTS) client.on(kind, (event) => record(kind, event));
  },

  async stop() {
    await client.stopRealtimeNotifications();
  },

  /** The events from the given one on; waits so long for one. */
  async since(count, milliseconds) {
    if (inbox.length <= count && milliseconds) {
      await new Promise((resolve) => {
        tell = resolve;
        setTimeout(resolve, milliseconds);
      });
    }
    return inbox.slice(count);
  },

  /** What page/witness.mjs has seen. */
  witness: () => witness,

  /** The texts in a thread, oldest first. */
  async list(threadId) {
    const texts = [];
    for await (const message of client.getChatThreadClient(threadId).listMessages()) {
      if (message.type === "text") texts.unshift(message.content.message);
    }
    return texts;
  },

  /** One call of each kind that needs a different answer from CORS. */
  async createThreadAndTalk(topic, others) {
    const participants = others.map((id) => ({ id: { communicationUserId: id } }));
    const { chatThread } = await client.createChatThread({ topic }, { participants });
    const thread = client.getChatThreadClient(chatThread.id);
    const { id } = await thread.sendMessage({ content: "from the page" });
    await thread.updateMessage(id, { content: "from the page, edited" });
    await thread.updateTopic(`${topic}, updated`);
    await thread.sendReadReceipt({ chatMessageId: id });
    const messages = [];
    for await (const message of thread.listMessages()) messages.push(message.content?.message);
    await thread.deleteMessage(id);
    return { threadId: chatThread.id, messageId: id, messages };
  },

  /** The status a refused call shows the app: none where CORS hides it. */
  async statusOfRefusedCall() {
    try {
      await client.getChatThreadClient("19:nothing@thread.v2").getProperties();
    } catch (error) {
      return error.statusCode;
    }
  },
};

function record(kind, event) {
  inbox.push({ kind, event });
  tell();
}
