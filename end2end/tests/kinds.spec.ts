// Maps, loops, waits and undoing as a person sees them, and what they can do to a run. With and without scripting.

import { type APIRequestContext, type Page, expect, expectNoSidewaysScroll, open, test, until } from "../support/fixtures";
import { runStatus, step } from "../support/health-check";
import { deadAddress } from "../support/world";

/** Starts a template with its form; `fill` changes fields first. */
async function startTemplate(page: Page, slug: string, fill: Record<string, string> = {}): Promise<void> {
  await open(page, `/workflows/${slug}`);
  for (const [label, value] of Object.entries(fill)) await page.getByLabel(label).fill(value);
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[\w-]+$/);
}

/** Makes a workflow of these steps, starts a run of it and opens its page. */
async function startSteps(page: Page, request: APIRequestContext, name: string, document: object): Promise<void> {
  const made = await request.post("/api/v1/workflows", { data: { name, ...document } });
  const workflow = await made.json();
  expect(made.status(), JSON.stringify(workflow)).toBe(201);
  const run = await (await request.post("/api/v1/runs", { data: { workflow: workflow.slug } })).json();
  await open(page, `/runs/${run.run_id}`);
}

const ended = (page: Page, word: string) => page.locator(".run-status").getByText(word, { exact: true });

test("a map over endpoints shows each item, and those that are down", async ({ page, signalbox }) => {
  const dead = await deadAddress();
  await startTemplate(page, "endpoint-survey", { Endpoints: `${signalbox.url}/api/v1/health\n${dead}` });
  await until(page, ended(page, "Completed"));
  const survey = step(page, "Ask each endpoint");
  await expect(survey.locator(".iterations-summary").first()).toHaveText("2 of 2 done, 1 failed");
  // They stand in their own order, and the one that has failed is open.
  const failed = survey.locator(".iteration").nth(1);
  await expect(failed.locator("summary").first()).toContainText(dead);
  await expect(survey.locator(".iteration > details[open]")).toHaveCount(1);
  await expect(failed.locator(".step").filter({ hasText: "Does it answer?" })).toContainText("Failed");
});

test("a loop goes on until it is healthy", async ({ page }) => {
  await startTemplate(page, "wait-until-healthy", { "Settle time": "1" });
  await until(page, ended(page, "Completed"));
  await expect(step(page, "Until it is healthy")).toContainText("1 of 1 done");
});

test("a deploy that turns out unhealthy is undone", async ({ page }) => {
  await startTemplate(page, "deploy-rehearsal", { "Health check": await deadAddress() });
  await until(page, page.getByText("What had been done was undone (3 steps)."));
  await expect(runStatus(page)).toContainText("Failed");
  await expect(page.locator(".step h3", { hasText: "Undo: Announce the maintenance" })).toBeVisible();
  // It is where one looks for it, and says why it may not be.
  await page.getByText("Retry what failed…").click();
  const retry = page.getByRole("button", { name: "Retry what failed" });
  await expect(retry).toBeDisabled();
  await expect(retry).toHaveAccessibleDescription("Not possible: what this run did has been undone: run it again instead.");
});

test("a check that a schedule starts is quiet while all is well, and asks when something is not", async ({ page }) => {
  const easy = { "Disk limit (%)": "100", "Memory limit (%)": "100", "Load limit per processor": "1000" };
  await startTemplate(page, "cron-health-check", easy);
  await until(page, ended(page, "Completed"));
  await startTemplate(page, "cron-health-check", { ...easy, Endpoints: await deadAddress() });
  await until(page, runStatus(page).getByText("Waiting for you"));
});

test("a run is paused, resumed, and run again", async ({ page, request }) => {
  await startSteps(page, request, `Held ${test.info().project.name}`, {
    steps: [
      { id: "pause", kind: "wait", for_ms: 5_000, name: "Wait a little" },
      { id: "after", kind: "tool_call", tool: "util.noop" },
    ],
    edges: [{ from: "pause", to: "after" }],
  });
  await page.getByText("Pause…").click();
  const pause = page.getByRole("button", { name: "Pause the run" });
  await expect(pause).toHaveAccessibleDescription("Nothing else starts until the run is resumed.");
  await page.getByLabel("Why pause?").fill("A look first.");
  await pause.click();
  await until(page, page.getByText("Paused by local: “A look first.”."));
  await expect(runStatus(page)).toContainText("Paused");
  await page.getByText("Resume…").click();
  const resume = page.getByRole("button", { name: "Resume the run" });
  await expect(resume).toHaveAccessibleDescription("Whatever may begin by now begins.");
  await resume.click();
  await until(page, ended(page, "Completed"));
  const before = page.url();
  await page.getByText("Run again…").click();
  const again = page.getByRole("button", { name: "Run it again" });
  await expect(again).toHaveAccessibleDescription("A new run of version 1 begins with the same input; people are asked anew.");
  await again.click();
  await expect(page).not.toHaveURL(before);
  await expect(page.getByRole("link", { name: "The same as an earlier run" })).toHaveAttribute(
    "href",
    new URL(before).pathname,
  );
});

test("what failed is retried, skipped, and forked", async ({ page, request }) => {
  await startSteps(page, request, `Failing ${test.info().project.name}`, {
    steps: [
      { id: "first", name: "The first", kind: "tool_call", tool: "util.noop" },
      { id: "second", name: "The second", kind: "tool_call", tool: "http.request", with: { url: await deadAddress() } },
      { id: "third", name: "The third", kind: "tool_call", tool: "util.noop" },
    ],
    edges: [
      { from: "first", to: "second" },
      { from: "second", to: "third" },
    ],
  });
  await until(page, ended(page, "Failed"));
  await page.getByText("Retry what failed…").click();
  const retry = page.getByRole("button", { name: "Retry what failed" });
  await expect(retry).toHaveAccessibleDescription(
    "Done again: “The second”. Not begun yet, and next in turn: “The third”. The one step that is completed stays so.",
  );
  await retry.click();
  await until(page, step(page, "The second").locator(".badge", { hasText: "Failed, attempt 2" }));

  await step(page, "The second").getByText("Details").click();
  await step(page, "The second").getByLabel("Why skip it?").fill("The other side is gone.");
  const skip = step(page, "The second").getByRole("button", { name: "Skip this step" });
  await expect(skip).toHaveAccessibleDescription(/^The run goes on with: “The third”\. .*The one step that is completed stays so\.$/);
  await skip.click();
  await until(page, ended(page, "Completed"));
  await expect(step(page, "The second")).toContainText("Skipped by local: “The other side is gone.”");

  const before = page.url();
  await step(page, "The third").getByText("Details").click();
  await step(page, "The third").getByText("Start a new run from here…").click();
  await step(page, "The third").getByRole("button", { name: "Start the new run" }).click();
  await expect(page).not.toHaveURL(before);
  await expect(page.getByText("Begun at")).toBeVisible();
});

test("a run with a map fits a narrow page", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await startTemplate(page, "endpoint-survey");
  await until(page, ended(page, "Completed"));
  await expectNoSidewaysScroll(page);
});
