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

globalThis.app = {
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

  /** The events from the given one on; waits until there is one. */
  async since(count) {
    if (inbox.length <= count) await new Promise((resolve) => (tell = resolve));
    return inbox.slice(count);
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
