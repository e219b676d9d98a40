// What every test gets: a running server for its worker, and a page that fails the test when the
// browser complains about anything.

import { AxeBuilder } from "@axe-core/playwright";
import { type Locator, type Page, expect, test as base } from "@playwright/test";
import { Signalbox } from "./signalbox";

export { type APIRequestContext, type Locator, type Page, expect } from "@playwright/test";

type TestFixtures = {
  /** The test takes the server away. What the browser then says of requests that reach nobody is no complaint. */
  outages: boolean;
  /** What the browser complained about so far: console errors and warnings of the security policy,
   *  exceptions, requests that failed. A test that provokes some empties it; the rest must be none. */
  complaints: string[];
};

type WorkerFixtures = {
  /** One server for all tests of a worker. A test that kills it starts its own. */
  signalbox: Signalbox;
};

export const test = base.extend<TestFixtures, WorkerFixtures>({
  signalbox: [
    async ({}, use) => {
      const signalbox = await Signalbox.start();
      await use(signalbox);
      await signalbox.dispose();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ signalbox }, use) => use(signalbox.url),
  outages: [false, { option: true }],
  complaints: [
    async ({ page, javaScriptEnabled, outages }, use) => {
      const complaints = collectComplaints(page, javaScriptEnabled ?? true, outages);
      await use(complaints);
      expect(complaints, "the browser complained").toEqual([]);
    },
    { auto: true },
  ],
});

/** Ends a server that a test has started for itself. First the page goes: it would miss its server and say so. */
export async function leave(page: Page, signalbox: Signalbox): Promise<void> {
  await page.goto("about:blank");
  await signalbox.dispose();
}

/** Also reports violations of the Content-Security-Policy, which Chromium logs as errors. */
export function collectComplaints(page: Page, scripted: boolean, outages = false): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    const grave = message.type() === "error" || message.type() === "warning";
    // Without scripting nothing uses the client that the page asked for in advance.
    const unused = !scripted && message.text().includes("was preloaded using link preload");
    const unreached = outages && /net::ERR_(CONNECTION|EMPTY_RESPONSE|INCOMPLETE|SOCKET)/.test(message.text());
    if (grave && !unused && !unreached) {
      complaints.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  return complaints;
}

/** Waits until the client has taken over the page, so that buttons do what they promise. */
export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "");
}

/** Opens a page and waits for its client, where there is one. */
export async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  if (isScripted()) await hydrated(page);
}

/** Waits until something is on the page. A page without scripting shows what is new when it is loaded again. */
export async function until(page: Page, wanted: Locator): Promise<void> {
  if (isScripted()) {
    await expect(wanted).toBeVisible();
    return;
  }
  await expect(async () => {
    await page.reload();
    await expect(wanted).toBeVisible({ timeout: 500 });
  }).toPass();
}

function isScripted(): boolean {
  return test.info().project.use.javaScriptEnabled ?? true;
}

/** Nothing of the page lies beyond its right edge. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const { needed, there } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { needed: scrollWidth, there: clientWidth };
  });
  expect(needed, "the page is wider than the window").toBeLessThanOrEqual(there);
}

/** Runs axe on the page as it stands, in both themes. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // Colours fade from one theme to the other in no time at all, but only with the next frame.
    await page.evaluate(() => new Promise(requestAnimationFrame));
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.map(({ id, help, nodes }) => ({
      id,
      help,
      elements: nodes.map((node) => node.html),
    }));
    expect(found, `accessibility in the ${colorScheme} theme`).toEqual([]);
  }
}
