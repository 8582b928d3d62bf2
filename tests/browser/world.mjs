// A server seen through the SDKs: people who act from Node, and the tabs in
// which they read along.
import assert from "node:assert/strict";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { Link } from "./runner/link.mjs";
import { Server } from "./runner/server.mjs";

/** Who acts from Node has the newest SDK: an old one reads what a new one writes. */
const ACTING_SDK = "chat-1.6.0";
export const EVENT_SECONDS = 15;
/** For what must not happen: long beside a delivery, short beside a test run. */
const QUIET_MILLISECONDS = 300;
/** Where a page cannot be asked to wait for events, it is asked so often. */
const LOOK_MILLISECONDS = 100;

export class World {
  static async open({ suite, site, browser }) {
    return new World(suite, site, browser, await import(ACTING_SDK));
  }

  constructor(suite, site, browser, sdk) {
    Object.assign(this, { suite, site, browser, sdk });
    this.profiles = [];
    this.links = [];
    this.tabs = [];
    this.#useServer(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING);
  }

  #useServer(connectionString) {
    this.identity = new CommunicationIdentityClient(connectionString);
    this.endpoint = connectionString.match(/endpoint=([^;]*)/i)[1].replace(/\/$/, "");
  }

  /** From now on everybody is at a server of this world's own. */
  async ownServer() {
    this.server = await Server.open();
    this.#useServer(this.server.connectionString);
    return this.server;
  }

  async person(displayName = "") {
    const { user, token } = await this.identity.createUserAndToken(["chat"]);
    return new Person(this, displayName, user.communicationUserId, token);
  }

  people(...displayNames) {
    return Promise.all(displayNames.map((name) => this.person(name)));
  }

  async link() {
    const link = await Link.open();
    this.links.push(link);
    return link;
  }

  /** A browser profile; its network may lead through a link. */
  async profile(link) {
    const profile = await this.browser.takeProfile(link);
    this.profiles.push({ profile, isUsedUp: Boolean(link) });
    return profile;
  }

  async troubles() {
    const all = (await Promise.all(this.tabs.map((tab) => tab.troubles()))).flat();
    return all.length ? ` [browser: ${[...new Set(all)].slice(-4).join("; ")}]` : "";
  }

  /** What may have gone wrong in a profile must not reach another check. */
  async close({ keepProfiles }) {
    for (const tab of this.tabs) tab.isClosed = true;
    const leave = ({ profile, isUsedUp }) => (keepProfiles && !isUsedUp ? this.browser.giveBack(profile) : this.browser.drop(profile));
    await Promise.all(this.profiles.map(leave));
    for (const link of this.links) link.close();
    await this.server?.close();
  }
}

class Person {
  constructor(world, displayName, id, token) {
    Object.assign(this, { world, displayName, id, token });
    this.chat = new world.sdk.ChatClient(world.endpoint, new AzureCommunicationTokenCredential(token));
  }

  /** How an event names this person. */
  get identifier() {
    return { kind: "communicationUser", communicationUserId: this.id };
  }

  asParticipant(more = {}) {
    return { id: { communicationUserId: this.id }, displayName: this.displayName, ...more };
  }

  thread(threadId) {
    return this.chat.getChatThreadClient(threadId);
  }

  /** A client of a new thread; its creator is in it under the own display name. */
  async createThread(others, { topic = "a topic", ...options } = {}) {
    const participants = [this, ...others].map((one) => one.asParticipant());
    const { chatThread } = await this.chat.createChatThread({ topic }, { participants, ...options });
    return this.thread(chatThread.id);
  }

  /** A tab in which this person is signed in and connected. */
  async tab({ link, profile } = {}) {
    const tab = await Tab.open(this, profile ?? (await this.world.profile(link)));
    await tab.start();
    return tab;
  }
}

class Tab {
  static async open(person, profile) {
    const { world } = person;
    const tab = new Tab(person, profile, await profile.newPage());
    await tab.page.goto(world.site.url(world.suite));
    await tab.call("signIn", world.endpoint, person.token);
    tab.#read();
    return tab;
  }

  constructor(person, profile, page) {
    Object.assign(this, { person, profile, page });
    this.inbox = [];
    this.isClosed = false;
    this.waiting = new Set();
    person.world.tabs.push(this);
  }

  /** A function of page/page.mjs. */
  async call(name, ...args) {
    const revive = (_, value) => (value !== null && typeof value === "object" && "$time" in value ? new Date(value.$time ?? NaN) : value);
    const { value, error } = JSON.parse(await this.page.call(name, JSON.stringify(args)), revive);
    if (error) throw new Error(`in the page: ${error}`);
    return value;
  }

  async start() {
    const before = this.count("realTimeNotificationConnected");
    await this.call("start");
    await this.connected(before + 1);
  }

  stop() {
    return this.call("stop");
  }

  close() {
    this.isClosed = true;
    return this.page.close();
  }

  /** What a developer would see in the browser's tools; told when a check fails. */
  async troubles() {
    const gone = new Promise((resolve) => setTimeout(resolve, 1000, { troubles: ["the page does not answer"], calls: [] }));
    const witness = this.isClosed ? gone : this.call("witness").catch((error) => ({ troubles: [error.message], calls: [] }));
    const { troubles, calls } = await Promise.race([witness, gone]);
    const refused = calls.filter(({ status }) => status >= 400);
    return [...this.page.troubles, ...troubles, ...refused.map(({ status, method, url }) => `${status} ${method} ${new URL(url).pathname}`)];
  }

  /** So many times has the SDK said that it is connected. */
  connected(times, seconds = EVENT_SECONDS) {
    return this.until(() => this.count("realTimeNotificationConnected") >= times, `connection ${times}`, seconds);
  }

  disconnected(times, seconds = EVENT_SECONDS) {
    return this.until(() => this.count("realTimeNotificationDisconnected") >= times, `disconnection ${times}`, seconds);
  }

  count(kind) {
    return this.of(kind).length;
  }

  of(kind) {
    return this.inbox.filter((entry) => entry.kind === kind).map((entry) => entry.event);
  }

  messages(threadId) {
    return this.of("chatMessageReceived").filter((event) => event.threadId === threadId).map((event) => event.message);
  }

  /** The one event of this kind; a second one is an error. */
  async only(kind) {
    await this.until(() => this.count(kind) > 0, kind);
    const all = this.of(kind);
    assert.ok(all.length === 1, `${kind} came ${all.length} times`);
    return all[0];
  }

  /** Exactly these messages, in this order, and no others. */
  async hasMessages(threadId, expected, seconds = EVENT_SECONDS) {
    await this.until(() => this.messages(threadId).length >= expected.length, `message ${expected.length}`, seconds);
    // A copy too many would come right behind.
    await this.quiet();
    const found = this.messages(threadId);
    const at = expected.findIndex((text, index) => found[index] !== text);
    const shown = (text) => JSON.stringify(text)?.slice(0, 60);
    assert.ok(at < 0, `message ${at + 1} is ${shown(found[at])}, expected ${shown(expected[at])}`);
    assert.ok(found.length === expected.length, `${found.length} messages came, expected ${expected.length}`);
  }

  quiet(milliseconds = QUIET_MILLISECONDS) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  until(happened, what, seconds = EVENT_SECONDS) {
    if (happened()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!happened()) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        const seen = this.inbox.map((entry) => entry.kind).join(", ") || "nothing";
        reject(new Error(`no ${what} within ${seconds} s; came: ${seen.slice(-300)}`));
      }, seconds * 1000);
      this.waiting.add(look);
    });
  }

  async #read() {
    try {
      while (!this.isClosed) {
        const news = await this.call("since", this.inbox.length, this.page.patience);
        this.inbox.push(...news);
        for (const look of [...this.waiting]) look();
        if (!news.length) await this.quiet(LOOK_MILLISECONDS);
      }
    } catch (error) {
      if (!this.isClosed) this.page.troubles.push(`the page is gone: ${error.message}`);
    }
  }
}

/** Instants that name the same moment, where one may be written without fractions. */
export function sameTime(actual, expected, what) {
  assert.ok(actual instanceof Date && !Number.isNaN(actual.valueOf()), `${what} is not a time: ${actual}`);
  assert.ok(Math.abs(actual - expected) < 1000, `${what} is ${actual.toISOString()}, expected ${expected.toISOString()}`);
}

/** A moment between the two, which Node measured; the clocks are the same machine's or nearly so. */
export function timeBetween(actual, from, to, what) {
  const slack = 2000;
  assert.ok(actual instanceof Date && !Number.isNaN(actual.valueOf()), `${what} is not a time: ${actual}`);
  assert.ok(from - slack <= actual && actual <= +to + slack, `${what} is ${actual.toISOString()}`);
}
