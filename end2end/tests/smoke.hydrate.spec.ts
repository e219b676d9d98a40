// The client takes over the page, and neither the browser, its security policy nor axe objects.

import { expect, expectAccessible, hydrated, test } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

test("the client takes over the page", async ({ page }) => {
  await page.goto("/");
  await hydrated(page);
  const button = page.getByRole("button", { name: "Pressed 0 times" });
  await button.click();
  await expect(page.getByRole("button", { name: "Pressed 1 times" })).toBeVisible();
});

test("the start page is accessible in both themes", async ({ page }) => {
  await page.goto("/");
  await hydrated(page);
  await expectAccessible(page);
});

test("an injected inline script does not run", async ({ page, complaints }) => {
  await page.goto("/");
  await hydrated(page);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.documentElement.dataset.injected = ''";
    document.head.append(script);
  });
  await expect(page.locator("html")).not.toHaveAttribute("data-injected");
  expect(complaints.join()).toContain("Content Security Policy");
  complaints.splice(0);
});

test("the server starts quickly, survives a kill and stops in good order", async ({ page }) => {
  const signalbox = await Signalbox.start();
  try {
    expect(signalbox.startMs).toBeLessThan(1_000);
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
