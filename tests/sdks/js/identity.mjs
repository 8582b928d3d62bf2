// Users and their tokens.
import assert from "node:assert/strict";
import { CONNECTION_STRING, items, refused } from "./world.mjs";

const MINUTE = 60_000;

async function opensChat(world, token) {
  assert.deepEqual(await items(world.chatClient(token).listChatThreads()), [], "a new user has no threads");
}

function expiresAfter({ token, expiresOn }, minutes) {
  const { exp } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  assert.ok(Math.abs(expiresOn.getTime() - exp * 1000) <= 1000, "expiresOn differs from the token's own exp");
  const left = expiresOn - Date.now();
  assert.ok(Math.abs(left - minutes * MINUTE) < 5 * MINUTE, `expected ${minutes} minutes, got ${left / MINUTE}`);
}

async function tokenFor(world, scopes, options) {
  return world.identity.getToken(await world.identity.createUser(), scopes, options);
}

const threadsOf = (world, token) => () => items(world.chatClient(token).listChatThreads());

// The node that revokes does so at once. Where there are others, they follow within this time.
const everywhere = () => new Promise((done) => setTimeout(done, Number(process.env.SAMBAND_REVOCATION_MS ?? 0)));

export const checks = {
  async create_user(world) {
    const first = await world.identity.createUser();
    const second = await world.identity.createUser();
    assert.match(first.communicationUserId, /^8:acs:/);
    assert.notEqual(first.communicationUserId, second.communicationUserId, "two users share an id");
  },

  async create_user_with_token(world) {
    const created = await world.identity.createUserAndToken(["chat"]);
    assert.match(created.user.communicationUserId, /^8:acs:/);
    expiresAfter(created, 1440);
    await opensChat(world, created.token);
  },

  async scope_chat(world) {
    const token = await tokenFor(world, ["chat"]);
    expiresAfter(token, 1440);
    await opensChat(world, token.token);
  },

  async scope_voip(world) {
    const { token } = await tokenFor(world, ["voip"]);
    await refused(403, threadsOf(world, token));
  },

  async scope_chat_and_voip(world) {
    await opensChat(world, (await tokenFor(world, ["chat", "voip"])).token);
  },

  async scope_chat_join(world) {
    const [owner, third] = await world.people(2);
    const joiner = await world.person(["chat.join"]);
    await refused(403, () => joiner.chat.createChatThread({ topic: "not allowed" }));
    const thread = joiner.thread((await owner.createThread([joiner])).threadId);
    await thread.sendMessage({ content: "hello" });
    await refused(403, () => thread.updateTopic("not allowed"));
    await thread.addParticipants({ participants: [third.asParticipant()] });
    await thread.removeParticipant(third.user);
  },

  async scope_chat_join_limited(world) {
    const [owner, third] = await world.people(2);
    const joiner = await world.person(["chat.join.limited"]);
    const thread = joiner.thread((await owner.createThread([joiner])).threadId);
    const { id } = await thread.sendMessage({ content: "hello" });
    await thread.updateMessage(id, { content: "hello again" });
    await refused(403, () => thread.addParticipants({ participants: [third.asParticipant()] }));
    await refused(403, () => joiner.chat.createChatThread({ topic: "not allowed" }));
  },

  async scope_voip_join(world) {
    const token = await tokenFor(world, ["voip.join"]);
    expiresAfter(token, 1440);
    await refused(403, threadsOf(world, token.token));
  },

  async unknown_scope(world) {
    await refused(400, () => tokenFor(world, ["telepathy"]));
  },

  async expires_in_accepted(world) {
    for (const tokenExpiresInMinutes of [60, 1440]) {
      expiresAfter(await tokenFor(world, ["chat"], { tokenExpiresInMinutes }), tokenExpiresInMinutes);
      const created = await world.identity.createUserAndToken(["chat"], { tokenExpiresInMinutes });
      expiresAfter(created, tokenExpiresInMinutes);
    }
  },

  async expires_in_rejected(world) {
    // The SDK itself checks nothing here; the server does.
    for (const tokenExpiresInMinutes of [59, 1441]) {
      await refused(400, () => tokenFor(world, ["chat"], { tokenExpiresInMinutes }));
      await refused(400, () => world.identity.createUserAndToken(["chat"], { tokenExpiresInMinutes }));
    }
  },

  async revoke_tokens(world) {
    const { user, token } = await world.identity.createUserAndToken(["chat"]);
    await opensChat(world, token);
    await world.identity.revokeTokens(user);
    await everywhere();
    await refused(401, threadsOf(world, token));
    await opensChat(world, (await world.identity.getToken(user, ["chat"])).token);
  },

  async revoke_tokens_issued_before(world) {
    const { user, token } = await world.identity.createUserAndToken(["chat"]);
    await world.identity.revokeTokens(user, new Date(Date.now() - 60 * MINUTE));
    await everywhere();
    await opensChat(world, token);
    await world.identity.revokeTokens(user, new Date(Date.now() + 1000));
    await everywhere();
    await refused(401, threadsOf(world, token));
  },

  async delete_user(world) {
    const { user, token } = await world.identity.createUserAndToken(["chat"]);
    await opensChat(world, token);
    await world.identity.deleteUser(user);
    await everywhere();
    await refused(401, threadsOf(world, token));
  },

  async teams_exchange_refused(world) {
    const madeUp = { teamsUserAadToken: "made.up.token", clientId: "an app", userObjectId: "a user" };
    const taken = world.releases.identity === "1.1.0-beta.2" ? madeUp.teamsUserAadToken : madeUp;
    await refused(401, () => world.identity.getTokenForTeamsUser(taken));
  },

  async wrong_access_key(world) {
    const key = Buffer.alloc(32).toString("base64");
    const stranger = world.identityClient(CONNECTION_STRING.replace(/accesskey=[^;]*/i, `accesskey=${key}`));
    await refused(401, () => stranger.createUser());
  },
};
