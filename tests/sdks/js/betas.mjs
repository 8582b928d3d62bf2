// Chat 1.0.0-beta.4 and beta.5, and the identity packages beside them, as 1.0.0 speaks.
//
// The checks are written in the words of 1.0.0. What its betas called otherwise is
// translated here, name by name; everything else passes through untouched.
import { ENDPOINT } from "./world.mjs";

/** getProperties came with 1.0.0, participants with beta.4. */
export const isBeta = (sdk) => !sdk.ChatThreadClient.prototype.getProperties;

/** issueToken was renamed getToken, createUserWithToken createUserAndToken. */
export function identity(client) {
  if (client.getToken) return client;
  return renamed(client, {
    getToken: (user, scopes) => client.issueToken(user, scopes),
    async createUserAndToken(scopes) {
      if (client.createUserWithToken) return client.createUserWithToken(scopes);
      const user = await client.createUser();
      const { token, expiresOn } = await client.issueToken(user, scopes);
      return { user, token, expiresOn };
    },
  });
}

export function chat(sdk, client, credential) {
  // beta.4 makes its thread clients in a promise; they can be made by hand, with the arguments the other way round.
  const threadClient = (threadId) =>
    client.getChatThreadClient(threadId) instanceof sdk.ChatThreadClient
      ? client.getChatThreadClient(threadId)
      : new sdk.ChatThreadClient(threadId, ENDPOINT, credential);
  return renamed(client, {
    getChatThreadClient: (threadId) => thread(threadClient(threadId), client),
    async createChatThread({ topic }, { participants = [], idempotencyToken, ...options } = {}) {
      // beta.4 spells it with ID, beta.5 with Id.
      if (idempotencyToken) {
        Object.assign(options, { repeatabilityRequestID: idempotencyToken, repeatabilityRequestId: idempotencyToken });
      }
      const request = { topic, participants: participants.map(asSent) };
      const { chatThread, errors } = await client.createChatThread(request, options);
      return { chatThread: properties(chatThread), invalidParticipants: errors?.invalidParticipants };
    },
  });
}

function thread(client, ofChat) {
  return renamed(client, {
    getProperties: async () => properties(await ofChat.getChatThread(client.threadId)),
    updateTopic: (topic) => (client.updateTopic ? client.updateTopic(topic) : client.updateThread({ topic })),
    getMessage: async (id) => message(await client.getMessage(id)),
    listMessages: (options) => translated(client.listMessages(options), message),
    listParticipants: (options) => translated(client.listParticipants(options), participant),
    async addParticipants({ participants }) {
      const { errors } = await client.addParticipants({ participants: participants.map(asSent) });
      return { invalidParticipants: errors?.invalidParticipants };
    },
  });
}

function renamed(client, names) {
  return new Proxy(client, {
    get(target, name) {
      if (Object.hasOwn(names, name)) return names[name];
      return typeof target[name] === "function" ? target[name].bind(target) : target[name];
    },
  });
}

function translated(paged, translate) {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const item of paged) yield translate(item);
    },
    async *byPage() {
      for await (const page of paged.byPage()) yield page.map(translate);
    },
  };
}

/** beta.4 has plain ids in some places, and makes a user of nobody in others. */
function identifier(user) {
  const id = typeof user === "string" ? { communicationUserId: user } : user;
  return id?.communicationUserId || id?.phoneNumber ? id : undefined;
}

// beta.4 says user where all later ones say id; each takes its own and leaves the other alone.
const asSent = (one) => ({ ...one, user: one.id });
const participant = ({ user, ...one }) => ({ ...one, id: one.id ?? user });
// beta.5 hands on what the server wrote to a creation.
const creator = (one) => identifier(one.createdBy ?? one.createdByCommunicationIdentifier?.communicationUser?.id);
const properties = (one) => one && { ...one, createdBy: creator(one) };

function message({ sender, content, ...rest }) {
  const translatedContent = content && {
    ...content,
    // beta.5 hands on what the server wrote.
    initiator: identifier(content.initiator ?? content.initiatorCommunicationIdentifier?.communicationUser?.id),
    participants: content.participants?.map(participant),
  };
  return { ...rest, sender: identifier(sender), content: translatedContent };
}
