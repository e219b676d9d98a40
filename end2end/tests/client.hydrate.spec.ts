// The client and what the browser thinks of it.

import { expect, hydrated, open, test } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

// Some tests here have a server of their own and take it away under an open page.
test.use({ outages: true });

test("the client takes over the page and changes pages without loading them", async ({ page }) => {
  await open(page, "/");
  await page.evaluate(() => (document.documentElement.dataset.kept = ""));
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Runs");
  await expect(page).toHaveTitle("Runs · Signalbox");
  await expect(page.locator("html")).toHaveAttribute("data-kept");
});

test("an injected inline script does not run", async ({ page, complaints }) => {
  await open(page, "/");
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.documentElement.dataset.injected = ''";
    document.head.append(script);
  });
  await expect(page.locator("html")).not.toHaveAttribute("data-injected");
  expect(complaints.join()).toContain("Content Security Policy");
  complaints.splice(0);
});

test("the server survives a kill and stops in good order", async ({ page }) => {
  const signalbox = await Signalbox.start();
  try {
    await signalbox.kill();
    await signalbox.restart();
    await page.goto(signalbox.url);
    await hydrated(page);
    await signalbox.stop();
    expect(signalbox.log).toContain("stopping");
  } finally {
    await signalbox.dispose();
  }
});
