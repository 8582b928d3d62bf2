// Headless Chromium, by the DevTools protocol, and headless Firefox, by WebDriver BiDi.
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { newDirectory, ownProcess, removeDirectory } from "../owned.mjs";
import { program } from "../programs.mjs";
import { trustServer } from "./trust.mjs";

export async function openChromium() {
  const home = newDirectory();
  trustServer(join(home, ".pki", "nssdb"));
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic"];
  const browser = await puppeteer.launch({
    executablePath: program("chromium"),
    userDataDir: join(home, "profile"),
    env: { ...process.env, HOME: home },
    args,
  });
  // What is on this machine is not proxied unless this is said.
  const through = (link) => ({ proxyServer: `http://${link.host}`, proxyBypassList: ["<-loopback>"] });
  return new Browser("Chromium", browser, home, through);
}

export async function openFirefox() {
  const profile = newDirectory();
  trustServer(profile);
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: program("firefox"),
    userDataDir: profile,
    // The same as above, in Firefox's words.
    extraPrefsFirefox: { "network.proxy.allow_hijacking_localhost": true },
  });
  return new Browser("Firefox", browser, profile, (link) => ({ proxyServer: link.host }));
}

class Browser {
  cannot = {};

  constructor(name, browser, directory, through) {
    Object.assign(this, { name, browser, directory, through });
    ownProcess(browser.process());
  }

  async version() {
    return (await this.browser.version()).replace(/.*\//, `${this.name} `);
  }

  async newProfile(link) {
    return new Profile(await this.browser.createBrowserContext(link ? this.through(link) : {}));
  }

  async close() {
    await this.browser.close();
    removeDirectory(this.directory);
  }
}

class Profile {
  /** The tabs that are open; the first one stays when the profile is cleared. */
  tabs = [];
  pages = [];

  constructor(context) {
    this.context = context;
  }

  async newPage() {
    // A window for each profile; a second tab then hides the first one, as it does for people.
    if (this.pages.length === this.tabs.length) this.tabs.push(await this.context.newPage({ type: this.tabs.length ? "tab" : "window" }));
    const page = new Page(this.tabs[this.pages.length]);
    this.pages.push(page);
    return page;
  }

  async setOffline(yes) {
    for (const tab of this.tabs) await tab.setOfflineMode(yes);
  }

  async clear(blank) {
    const [first, ...others] = this.tabs;
    if (first.isClosed()) return false;
    first.removeAllListeners();
    await Promise.all(others.map((tab) => tab.isClosed() || tab.close()));
    await first.goto(blank);
    [this.tabs, this.pages] = [[first], []];
    return true;
  }

  close() {
    return this.context.close();
  }
}

class Page {
  patience = 10_000;
  troubles = [];

  constructor(tab) {
    this.tab = tab;
    tab.on("console", (message) => message.type() === "error" && this.troubles.push(message.text()));
    tab.on("pageerror", (error) => this.troubles.push(String(error)));
  }

  goto(url) {
    return this.tab.goto(url);
  }

  call(name, args) {
    return this.tab.evaluate((name, args) => app(name, args), name, args);
  }

  close() {
    return this.tab.close();
  }
}
