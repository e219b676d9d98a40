// Every page in every state: accessible in both themes, usable on a phone, by keyboard alone and without motion.

import type { Page } from "@playwright/test";
import { expect, expectAccessible, expectNoSidewaysScroll, hydrated, open, test, until } from "../support/fixtures";
import { Keyboard } from "../support/hand";
import { runStatus, startHealthCheck, untilWaiting } from "../support/health-check";
import { Signalbox } from "../support/signalbox";
import { deadAddress } from "../support/world";

// Some tests here have a server of their own and take it away under an open page.
test.use({ outages: true });

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 900 };

async function expectGood(page: Page, address: string): Promise<void> {
  await page.setViewportSize(DESKTOP);
  await open(page, address);
  await expectAccessible(page);
  await page.setViewportSize(PHONE);
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
}

test("pages without any run are good in both themes and on a phone", async ({ page }) => {
  const signalbox = await Signalbox.start();
  try {
    for (const path of ["/", "/workflows", "/workflows/system-health-check", "/runs", "/approvals"]) {
      await expectGood(page, signalbox.url + path);
    }
  } finally {
    await signalbox.dispose();
  }
});

test("pages around a waiting run are good in both themes and on a phone", async ({ page, signalbox }) => {
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`, await deadAddress()]);
  await untilWaiting(page);
  for (const address of [page.url(), "/", "/runs", "/approvals"]) await expectGood(page, address);
});

test("pages around a completed run are good in both themes and on a phone", async ({ page, signalbox }) => {
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`, await deadAddress()]);
  await untilWaiting(page);
  const run = page.url();
  await page.getByRole("button", { name: "Approve" }).click();
  await until(page, page.getByRole("link", { name: "health-report.md" }));
  const report = await page.getByRole("link", { name: "health-report.md" }).getAttribute("href");
  await expectGood(page, run);
  for (const summary of await page.locator("details > summary").all()) await summary.click();
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
  for (const address of [report!, "/", "/workflows"]) await expectGood(page, address);
});

test("the page of a failed run is good in both themes and on a phone", async ({ page, signalbox }) => {
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`]);
  await untilWaiting(page);
  await page.getByRole("button", { name: "Reject" }).click();
  await until(page, page.locator(".notice-failed code", { hasText: "rejected" }));
  await expectGood(page, page.url());
});

test("refusals and missing things are good in both themes and on a phone", async ({ page, complaints }) => {
  await open(page, "/workflows/system-health-check");
  await page.getByLabel("Endpoints").fill("nowhere");
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await hydrated(page);
  await expectAccessible(page);
  await page.setViewportSize(PHONE);
  await expectNoSidewaysScroll(page);
  for (const path of ["/no/such/page", "/runs/no-such-run", "/workflows/no-such-workflow"]) {
    await expectGood(page, path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  }
  // Chromium logs the wanted statuses of the pages themselves as errors.
  expect(complaints.filter((complaint) => !/ 4(04|22) /.test(complaint))).toEqual([]);
  complaints.splice(0);
});

test("the whole journey works by keyboard alone", async ({ page }) => {
  const hand = new Keyboard(page, true);
  const exactly = (role: "link" | "button" | "textbox", name: string) => page.getByRole(role, { name, exact: true });
  await open(page, "/");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  await hand.press(exactly("link", "Workflows"));
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Workflows");
  await hand.press(exactly("link", "Run System health check"));
  await hand.press(exactly("button", "Start"));
  await untilWaiting(page);
  await hydrated(page);
  await hand.fill(exactly("textbox", "Comment (optional)"), "By keyboard.");
  await hand.press(exactly("button", "Approve"));
  await expect(runStatus(page)).toContainText("Completed");
  await hand.press(exactly("link", "health-report.md"));
  await expect(page.locator(".report")).toContainText("By keyboard.");
});

test("nothing moves for those who asked for less motion", async ({ page, signalbox }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`, await deadAddress()]);
  await hydrated(page);
  const moving = () => page.evaluate(() => document.getAnimations().length);
  expect(await moving()).toBe(0);
  await untilWaiting(page);
  expect(await moving()).toBe(0);
});

test("what is opened stays open while the run goes on", async ({ page, signalbox }) => {
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`]);
  await untilWaiting(page);
  const details = page.locator("#step-probe_host > details:not(.step-log)");
  await details.locator("summary").click();
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(runStatus(page)).toContainText("Completed");
  await until(page, page.getByRole("link", { name: "health-report.md" }));
  await expect(details).toHaveAttribute("open");
});
