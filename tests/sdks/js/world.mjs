// A server seen through the SDKs: people, their clients, their threads.
import assert from "node:assert/strict";
import * as betas from "./betas.mjs";

export const CONNECTION_STRING = process.env.COMMUNICATION_SERVICES_CONNECTION_STRING;
export const ENDPOINT = CONNECTION_STRING.match(/endpoint=([^;]*)/i)[1].replace(/\/$/, "");

/** No check makes lists this long; a nextLink that leads back to its page does. */
const ENDLESS = 1000;

/** The administration package does not read the error's body. */
let codesAreRead = true;

export class World {
  /** The packages' exports in one, and the release of each by its short name. */
  constructor(sdk, releases) {
    Object.assign(this, { sdk, releases });
    codesAreRead = !releases.administration;
    this.identity = this.identityClient(CONNECTION_STRING);
  }

  identityClient(connectionString) {
    return betas.identity(new this.sdk.CommunicationIdentityClient(connectionString));
  }

  chatClient(token) {
    const credential = new this.sdk.AzureCommunicationTokenCredential(token);
    const client = new this.sdk.ChatClient(ENDPOINT, credential);
    return betas.isBeta(this.sdk) ? betas.chat(this.sdk, client, credential) : client;
  }

  async person(scopes = ["chat"]) {
    const { user, token } = await this.identity.createUserAndToken(scopes);
    return new Person(user, token, this.chatClient(token));
  }

  async people(count) {
    const people = [];
    while (people.length < count) people.push(await this.person());
    return people;
  }
}

/** A user with a token and a chat client. */
class Person {
  constructor(user, token, chat) {
    Object.assign(this, { user, token, chat, id: user.communicationUserId });
  }

  thread(threadId) {
    return this.chat.getChatThreadClient(threadId);
  }

  asParticipant(more = {}) {
    return { id: this.user, ...more };
  }

  /** A client of a new thread with these participants. */
  async createThread(others, { topic = "a topic", ...options } = {}) {
    const participants = others.map((other) => other.asParticipant());
    const { chatThread } = await this.chat.createChatThread({ topic }, { participants, ...options });
    return this.thread(chatThread.id);
  }
}

export async function items(paged) {
  const all = [];
  for await (const item of paged) {
    assert.ok(all.push(item) < ENDLESS, "the list does not end");
  }
  return all;
}

export async function pages(paged) {
  return items(paged.byPage());
}

export const CODE_NOT_READ = null;

/** The call must fail with this status, as the SDK's own error. */
export async function refused(status, call, code) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    assert.equal(error.name, "RestError", `not the SDK's own error: ${error.name}: ${error.message}`);
    assert.equal(error.statusCode, status, `expected ${status}, got ${error.statusCode}: ${error.message}`);
    if (code !== CODE_NOT_READ && codesAreRead) assert.ok(error.code, `${status} came without an error code`);
    if (code) assert.equal(error.code, code);
    return error;
  }
  assert.fail(`expected ${status}, but the call succeeded: ${JSON.stringify(answer)?.slice(0, 200)}`);
}

/**
 * A message whose creation time is after the instant. Two messages may share a
 * millisecond; the server's own times decide, so nothing here sleeps.
 */
export async function sendLaterThan(thread, instant, content) {
  for (;;) {
    const { id } = await thread.sendMessage({ content });
    const message = await thread.getMessage(id);
    if (message.createdOn > instant) return message;
  }
}

export function sameSet(actual, expected, message) {
  assert.deepEqual([...actual].sort(), [...expected].sort(), message);
}
