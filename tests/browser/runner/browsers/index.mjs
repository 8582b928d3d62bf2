// The browsers, behind one face:
//
//   browser.version()                 its name and version
//   browser.cannot                    what a check may need and this one lacks, with the reason
//   browser.newProfile(link)          a profile; its network may lead through a link
//   profile.newPage()                 a tab
//   profile.setOffline(yes)
//   profile.clear(blank)              back to one tab, on a blank page; says whether that went well
//   page.goto(url), page.call(name, args), page.close()
//   page.troubles                     what the browser complained about
//   page.patience                     how long a call may take, in milliseconds
//
// A call runs a function of page/page.mjs; text goes in and comes out, because
// that is what every browser carries unharmed.
import { openChromium, openFirefox } from "./puppeteer.mjs";
import { openWebKit } from "./webkit.mjs";

const BROWSERS = { chromium: openChromium, firefox: openFirefox, webkit: openWebKit };

/** The blank page is one of the app's site: from there a browser need not start a process for the app. */
export async function openBrowser(name, blank) {
  return new Pool(await BROWSERS[name](), blank);
}

/** A browser that hands out used profiles: to make one costs more than most checks. */
class Pool {
  idle = [];

  constructor(browser, blank) {
    Object.assign(this, { browser, blank });
    this.cannot = browser.cannot;
  }

  version() {
    return this.browser.version();
  }

  async takeProfile(link) {
    return (!link && this.idle.pop()) || this.browser.newProfile(link);
  }

  async giveBack(profile) {
    if (await profile.clear(this.blank).catch(() => false)) this.idle.push(profile);
    else await this.drop(profile);
  }

  async drop(profile) {
    await profile.close().catch(() => {});
  }

  async close() {
    await Promise.all(this.idle.map((profile) => this.drop(profile)));
    await this.browser.close();
  }
}
