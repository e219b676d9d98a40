// The way of a person through the health check, the same with and without scripting.

import { type Locator, type Page, expect } from "@playwright/test";
import { open, until } from "./fixtures";

/** Fills in the start form and waits, on the run's page, for the question. */
export async function startHealthCheck(page: Page, endpoints: string[]): Promise<void> {
  await open(page, "/");
  await page.getByRole("link", { name: "Workflows" }).click();
  await page.getByRole("link", { name: "Run System health check" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("System health check");
  await page.getByLabel("Endpoints").fill(endpoints.join("\n"));
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page).toHaveURL(/\/runs\/[\w-]+$/);
}

/** The row of a step on the run's page. */
export function step(page: Page, name: string): Locator {
  return page.locator(".step").filter({ has: page.getByRole("heading", { name, exact: true }) });
}

/** The state of the run, as its page tells it. */
export function runStatus(page: Page): Locator {
  return page.locator(".run-status").getByRole("status");
}

export async function untilWaiting(page: Page): Promise<void> {
  await until(page, page.getByRole("button", { name: "Approve" }));
}
