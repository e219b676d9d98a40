// The journey of the issue: a run is started, read, answered and leaves a report, or leaves none. With and without
// scripting.

import { expect, open, test, until } from "../support/fixtures";
import { runStatus, startHealthCheck, step, untilWaiting } from "../support/health-check";
import { deadAddress } from "../support/world";

test("a health check with a dead endpoint is read, approved and reported", async ({ page, signalbox }) => {
  const dead = await deadAddress();
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`, dead]);
  // The whole plan is there from the first moment.
  await expect(page.locator(".step")).toHaveCount(11);
  await expect(step(page, "Write the report")).toContainText("Pending");

  await untilWaiting(page);
  await expect(runStatus(page)).toContainText("Waiting for you");
  await expect(step(page, "Probe the endpoints")).toContainText("Failed, attempt 3");
  await expect(step(page, "Probe the endpoints")).toContainText("The run goes on with what is known.");
  await expect(step(page, "Note that all is well")).toContainText("Skipped");
  const question = step(page, "Publish the report?");
  await expect(question).toContainText("finding");
  await expect(question.getByRole("row").filter({ hasText: "is the port right" })).toContainText(dead);

  await page.getByLabel("Comment").fill("Being replaced on Monday.");
  await page.getByRole("button", { name: "Approve" }).click();
  await until(page, page.getByRole("link", { name: "health-report.md" }));
  await expect(runStatus(page)).toContainText("Completed");
  await expect(question).toContainText("Approved by local: “Being replaced on Monday.”");

  // The step that has left it has it among its details.
  const written = step(page, "Write the report");
  await written.getByText("Details").first().click();
  await expect(written.getByRole("link", { name: "health-report.md", exact: true })).toBeVisible();
  await expect(written).toContainText(/text\/markdown.* · \d/);
  const download = written.getByRole("link", { name: "Download health-report.md" });
  const file = await page.request.get((await download.getAttribute("href"))!);
  expect(await file.text()).toContain("Being replaced on Monday.");
  await written.getByText("Details").first().click();

  await page.getByRole("link", { name: "health-report.md" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "health-report.md" })).toBeVisible();
  const report = page.locator(".report");
  await expect(report).toContainText(/needs? attention/);
  await expect(report).toContainText("Being replaced on Monday.");
  await expect(report.getByRole("row").filter({ hasText: dead }).last()).toContainText("down");
});

test("a rejected health check fails and leaves no report", async ({ page, signalbox }) => {
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`]);
  await untilWaiting(page);
  await page.getByLabel("Comment").fill("Not today.");
  await page.getByRole("button", { name: "Reject" }).click();
  await until(page, page.locator(".notice-failed code", { hasText: "rejected" }));
  await expect(runStatus(page)).toContainText("Failed");
  await expect(step(page, "Write the report")).toContainText("Skipped");
  await expect(step(page, "Publish the report?")).toContainText("Rejected by local: “Not today.”");
  await expect(page.getByRole("link", { name: "health-report.md" })).toHaveCount(0);
});

test("a question can be answered from the approvals", async ({ page, signalbox }) => {
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`]);
  await untilWaiting(page);
  const run = page.url();
  await open(page, "/approvals");
  const card = page.getByRole("article").filter({ has: page.locator(`a[href="${new URL(run).pathname}"]`) });
  await expect(card).toContainText("Publish the report?");
  await card.getByRole("button", { name: "Approve" }).click();
  await expect(card).toHaveCount(0);
  await open(page, run);
  await until(page, page.getByRole("link", { name: "health-report.md" }));
});

test("a run is cancelled with a reason", async ({ page, signalbox }) => {
  await startHealthCheck(page, [`${signalbox.url}/api/v1/health`]);
  await untilWaiting(page);
  await page.getByText("Cancel run…").click();
  await page.getByLabel("Why cancel?").fill("Wrong host.");
  const cancel = page.getByRole("button", { name: "Cancel the run" });
  await expect(cancel).toHaveAccessibleDescription(/^Not done any more: “Publish the report\?”.* What has been done stays done\.$/);
  await cancel.click();
  await until(page, page.getByText("Cancelled by local: “Wrong host.”"));
  await expect(runStatus(page)).toContainText("Cancelled");
  await expect(page.getByRole("button", { name: "Approve" })).toHaveCount(0);
});

test("a refused form keeps what was typed and says what is wrong where it is wrong", async ({ page, complaints }) => {
  await open(page, "/workflows/system-health-check");
  await page.getByLabel("Endpoints").fill("http://127.0.0.1:9/\nnot an address");
  await page.getByLabel("Disk limit").fill("71");
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.getByRole("alert")).toContainText("One field needs another look.");
  const endpoints = page.getByLabel("Endpoints");
  await expect(endpoints).toHaveValue("http://127.0.0.1:9/\nnot an address");
  await expect(endpoints).toHaveAttribute("aria-invalid", "true");
  await expect(endpoints).toHaveAccessibleDescription(/not an address/);
  await expect(page.getByLabel("Disk limit")).toHaveValue("71");

  // What is mended is started, from the same page.
  await endpoints.fill("http://127.0.0.1:9/");
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page).toHaveURL(/\/runs\/[\w-]+$/);
  // Chromium logs the status of the refused page as an error; this one is wanted.
  expect(complaints.filter((complaint) => !complaint.includes("422"))).toEqual([]);
  complaints.splice(0);
});
