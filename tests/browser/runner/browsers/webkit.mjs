// WebKitGTK in its MiniBrowser, by W3C WebDriver.
//
// A driver process has one session, and a session is one browser process: that
// is a profile here. A session looks at one tab at a time.
import { Builder, Capabilities } from "selenium-webdriver";
import { endProcess, startProcess } from "../owned.mjs";
import { freePort } from "../ports.mjs";
import { program } from "../programs.mjs";
import { openDisplay } from "./display.mjs";

const START_MILLISECONDS = 15_000;
const CALL_MILLISECONDS = 60_000;

export async function openWebKit() {
  return new Browser(await openDisplay());
}

class Browser {
  cannot = { offline: "WebDriver has no command that takes WebKitGTK offline" };

  constructor(display) {
    this.display = display;
  }

  /** Only a session tells it. */
  async version() {
    const profile = await this.newProfile();
    const capabilities = await profile.session.getCapabilities();
    await profile.close();
    return `WebKitGTK ${capabilities.getBrowserVersion()}`;
  }

  async newProfile(link) {
    const port = await freePort();
    const driver = startProcess(program("webkit"), [`--port=${port}`, "--host=127.0.0.1"], {
      env: { ...process.env, DISPLAY: this.display.name },
      stdio: "ignore",
    });
    // With the "proxy" that WebDriver has for this, nothing reaches the link.
    const args = ["--automation", ...(link ? [`--proxy=http://${link.host}`] : [])];
    const wanted = new Capabilities({ browserName: "MiniBrowser", acceptInsecureCerts: true, "webkitgtk:browserOptions": { args } });
    const session = await startSession(`http://127.0.0.1:${port}`, wanted);
    return new Profile(driver, session);
  }

  close() {
    return this.display.close();
  }
}

class Profile {
  constructor(driver, session) {
    Object.assign(this, { driver, session, turn: Promise.resolve(), pages: [] });
  }

  async newPage() {
    return this.inTurn(async () => {
      // The session comes with a first tab, and ends with its last one.
      if (this.pages.length) await this.session.switchTo().newWindow("tab");
      const page = new Page(this, await this.session.getWindowHandle());
      this.pages.push(page);
      return page;
    });
  }

  async clear(blank) {
    const [first, ...others] = this.pages;
    if (first.isClosed) return false;
    for (const page of others) if (!page.isClosed) await page.close();
    await first.goto(blank);
    this.pages = [];
    return true;
  }

  /** One thing after the other: between turning to a tab and acting in it comes nothing else. */
  inTurn(work) {
    const done = this.turn.then(work);
    this.turn = done.catch(() => {});
    return done;
  }

  async close() {
    await this.inTurn(() => this.session.quit()).catch(() => {});
    await endProcess(this.driver);
  }
}

class Page {
  /** None: who waits in one tab keeps the other waiting. */
  patience = 0;
  troubles = [];
  isClosed = false;

  constructor(profile, handle) {
    Object.assign(this, { profile, handle });
  }

  goto(url) {
    return this.#act((session) => session.get(url));
  }

  call(name, args) {
    return this.#act((session) => session.executeAsyncScript("app(arguments[0], arguments[1]).then(arguments[2])", name, args));
  }

  close() {
    this.isClosed = true;
    return this.#act((session) => session.close());
  }

  #act(work) {
    return this.profile.inTurn(async () => {
      await this.profile.session.switchTo().window(this.handle);
      return work(this.profile.session);
    });
  }
}

async function startSession(url, wanted) {
  const until = Date.now() + START_MILLISECONDS;
  for (;;) {
    try {
      const session = await new Builder().disableEnvironmentOverrides().usingServer(url).withCapabilities(wanted).build();
      await session.manage().setTimeouts({ script: CALL_MILLISECONDS });
      return session;
    } catch (error) {
      // The driver is not yet there to be asked.
      if (!/ECONNREFUSED/.test(error.message) || Date.now() > until) throw error;
      await new Promise((later) => setTimeout(later, 50));
    }
  }
}
