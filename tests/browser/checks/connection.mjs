// Connections that end, fall silent, come back, or just stay.
import assert from "node:assert/strict";

/** More than 87 s, after which the client gives a silent server up, and 90 s, the other way round. */
const IDLE_SECONDS = 100;
/** The client asks every 40 s whether the server is there, and waits 5 s; a poll is held for 40 s. */
const NOTICED_SECONDS = 120;
/** The client's pause between attempts grows; a few attempts are to fail first. */
const AWAY_MILLISECONDS = 3000;
const BACK_SECONDS = 40;
/** A new request may go out over a pooled connection that is silent too, and fail after 10 s; Firefox does so five times. */
const BACK_FROM_SILENCE_SECONDS = 90;

async function annAndBob(world) {
  const [ann, bob] = await world.people("Ann", "Bob");
  const link = await world.link();
  const tab = await bob.tab({ link });
  const thread = await ann.createThread([bob]);
  await thread.sendMessage({ content: "before" });
  await tab.hasMessages(thread.threadId, ["before"]);
  return { ann, bob, link, tab, thread };
}

/** What the client's registration and its end were answered. */
async function registrarAnswers(tab) {
  const { calls } = await tab.call("witness");
  const registrar = calls.filter(({ url }) => url.includes("/v3/registrations"));
  return registrar.map(({ method, status }) => `${method} ${Math.floor(status / 100)}xx`);
}

export const checks = {
  comes_back: {
    title: "Cut off for seconds: the client reconnects by itself and gets later messages, each once",
    async run(world) {
      const { link, tab, thread } = await annAndBob(world);
      link.cut();
      await tab.disconnected(1);
      await tab.quiet(AWAY_MILLISECONDS);
      link.restore();
      await tab.connected(2, BACK_SECONDS);
      const texts = Array.from({ length: 5 }, (_, number) => `after ${number}`);
      for (const content of texts) await thread.sendMessage({ content });
      await tab.hasMessages(thread.threadId, ["before", ...texts]);
      assert.equal(tab.count("realTimeNotificationDisconnected"), 1);
    },
  },

  offline_online: {
    title: "The browser goes offline and online again: the client reconnects and gets later messages",
    needs: "offline",
    async run(world) {
      const { link, tab, thread } = await annAndBob(world);
      await tab.profile.setOffline(true);
      // Offline, a browser starts no request, but open sockets and a held poll live on.
      link.cut();
      await tab.disconnected(1);
      link.restore();
      await tab.profile.setOffline(false);
      await tab.connected(2, BACK_SECONDS);
      await thread.sendMessage({ content: "after" });
      await tab.hasMessages(thread.threadId, ["before", "after"]);
    },
  },

  comes_back_often: {
    title: "Cut off five times in a row: still connected, and still one copy of each message",
    async run(world) {
      const { link, tab, thread } = await annAndBob(world);
      const texts = ["before"];
      for (let round = 1; round <= 5; round++) {
        link.cut();
        await tab.disconnected(round);
        link.restore();
        await tab.connected(round + 1, BACK_SECONDS);
        texts.push(`after ${round}`);
        await thread.sendMessage({ content: texts.at(-1) });
        await tab.hasMessages(thread.threadId, texts);
      }
    },
  },

  stop_and_start: {
    title: "Stopped: no event any more and no Disconnected; started again: events again, each once",
    async run(world) {
      const { tab, thread } = await annAndBob(world);
      await tab.stop();
      await thread.sendMessage({ content: "unheard" });
      await tab.quiet(1000);
      assert.deepEqual(tab.messages(thread.threadId), ["before"]);
      assert.deepEqual(await registrarAnswers(tab), ["POST 2xx", "DELETE 2xx"]);
      assert.equal(tab.count("realTimeNotificationDisconnected"), 0);
      await tab.start();
      await thread.sendMessage({ content: "after" });
      await tab.hasMessages(thread.threadId, ["before", "after"]);
    },
  },

  server_restarts: {
    title: "The server is stopped, then killed, each time started again: tabs reconnect, list what they missed, hear what comes",
    needs: "ownServer",
    async run(world) {
      const server = await world.ownServer();
      const [ann, bob] = await world.people("Ann", "Bob");
      const link = await world.link();
      const profile = await world.profile(link);
      const tabs = [await bob.tab({ profile }), await bob.tab({ profile })];
      const thread = await ann.createThread([bob]);
      const [heard, all] = [[], []];
      const say = async (content, ...lists) => {
        await thread.sendMessage({ content });
        for (const list of lists) list.push(content);
      };
      await say("before", heard, all);
      for (const [round, signal] of ["SIGTERM", "SIGKILL"].entries()) {
        for (const tab of tabs) await tab.hasMessages(thread.threadId, heard);
        await server.end(signal);
        for (const tab of tabs) await tab.disconnected(round + 1);
        // The tabs stay away until the message is there, so that none can hear it.
        link.cut();
        await server.start();
        await say(`missed: ${signal}`, all);
        link.restore();
        for (const tab of tabs) {
          await tab.connected(round + 2, BACK_SECONDS);
          assert.deepEqual(await tab.call("list", thread.threadId), all);
        }
        await say(`after ${signal}`, heard, all);
      }
      for (const tab of tabs) {
        await tab.hasMessages(thread.threadId, heard);
        assert.deepEqual(await tab.call("list", thread.threadId), all);
      }
    },
  },

  node_dies: {
    title: "One of several nodes is killed while messages are sent: who was there comes back and finds all by listing, the others hear everything",
    needs: "nodes",
    async run(world) {
      const names = ["Bob", "Cid", "Dee", "Eve"];
      const [ann, ...others] = await world.people("Ann", ...names);
      // Each with connections of its own, which the balancer spreads.
      const tabs = await Promise.all(others.map((person) => person.tab({})));
      const thread = await ann.createThread(others);
      const acknowledged = [];
      const say = async (number) => {
        for (let attempt = 1; ; attempt++) {
          const content = `${number}.${attempt}`;
          try {
            await thread.sendMessage({ content });
            return acknowledged.push(content);
          } catch (error) {
            if (attempt === 10) throw error;
            await tabs[0].quiet(200);
          }
        }
      };
      for (let number = 0; number < 40; number++) {
        if (number === 15) process.kill(Number(process.env.SAMBAND_NODE_PIDS.split(",")[0]), "SIGKILL");
        await say(number);
        await tabs[0].quiet(100);
      }
      const lost = (tab) => tab.count("realTimeNotificationDisconnected");
      const isBack = (tab) => tab.count("realTimeNotificationConnected") > lost(tab);
      for (const tab of tabs) await tab.until(() => isBack(tab), "connection after the kill", BACK_SECONDS);
      await say("last");
      for (const tab of tabs) await tab.until(() => tab.messages(thread.threadId).includes(acknowledged.at(-1)), "last message");
      const stored = await tabs[0].call("list", thread.threadId);
      for (const tab of tabs) {
        assert.deepEqual(await tab.call("list", thread.threadId), stored);
        const heard = tab.messages(thread.threadId);
        assert.deepEqual(heard, stored.filter((text) => heard.includes(text)), "in order, each once");
        if (lost(tab) === 0) assert.deepEqual(heard, stored, "who stayed heard everything");
      }
      for (const text of acknowledged) assert.ok(stored.includes(text), `${text} was acknowledged and is lost`);
      const stayed = tabs.filter((tab) => lost(tab) === 0).length;
      assert.ok(stayed > 0 && stayed < tabs.length, `${stayed} of ${tabs.length} stayed`);
    },
  },

  stays: {
    title: "Nothing happens for 100 s: still the same connection, and the next message comes at once",
    slow: true,
    async run(world) {
      const { tab, thread } = await annAndBob(world);
      await tab.quiet(IDLE_SECONDS * 1000);
      await thread.sendMessage({ content: "after" });
      await tab.hasMessages(thread.threadId, ["before", "after"], 5);
      assert.equal(tab.count("realTimeNotificationConnected"), 1);
      assert.equal(tab.count("realTimeNotificationDisconnected"), 0);
    },
  },

  falls_silent: {
    title: "The network swallows everything: the client notices, reconnects, and gets one copy of each message",
    slow: true,
    async run(world) {
      const { link, tab, thread } = await annAndBob(world);
      link.silence();
      await tab.disconnected(1, NOTICED_SECONDS);
      await tab.connected(2, BACK_FROM_SILENCE_SECONDS);
      // To the server both connections of this client are alive; the newest counts.
      await thread.sendMessage({ content: "after" });
      await tab.hasMessages(thread.threadId, ["before", "after"]);
    },
  },
};
