// One run, looked at in every way, and at every moment. All of it has addresses, so it works without scripting too.

import type { APIRequestContext } from "@playwright/test";
import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from "../support/fixtures";

/** A run with a step that fails and is retried, two ways of which one is taken, a map and a question at the end. */
async function startRun(request: APIRequestContext, name: string) {
  const url = "http://127.0.0.1:1/";
  const steps = [
    { id: "begin", name: "Begin here", kind: "transform", set: { n: 7 } },
    {
      id: "broken",
      name: "Ask the service",
      kind: "tool_call",
      tool: "http.request",
      with: { url },
      retry: { max_attempts: 2, base_ms: 10, cap_ms: 10 },
      on_error: "continue",
    },
    { id: "many", name: "Is it many?", kind: "condition", expression: "begin.n > 5" },
    { id: "few", name: "Only a few", kind: "transform", set: { word: "few" } },
    {
      id: "each",
      name: "Each of them",
      kind: "map",
      over: [1, 2, 3],
      body: { steps: [{ id: "double", name: "Double it", kind: "transform", set: { twice: "=item * 2" } }] },
    },
    { id: "ask", name: "Is that well?", kind: "human_gate", message: "Look at all of it." },
  ];
  const edges = [
    { from: "begin", to: "broken" },
    { from: "begin", to: "many" },
    { from: "many", to: "each", when: "many.result" },
    { from: "many", to: "few", default: true, label: "no" },
    { from: "each", to: "ask" },
  ];
  const created = await request.post("/api/v1/workflows", { data: { name, steps, edges } });
  expect(created.ok(), await created.text()).toBeTruthy();
  const { slug } = await created.json();
  const started = await request.post("/api/v1/runs?wait=1s", { data: { workflow: slug } });
  const { run_id } = await started.json();
  await expect
    .poll(async () => {
      const run = await (await request.get(`/api/v1/runs/${run_id}`)).json();
      return [run.steps_failed, run.waiting_for_people];
    })
    .toEqual([1, 1]);
  const { items } = await (await request.get(`/api/v1/runs/${run_id}/events`)).json();
  return { run_id: run_id as string, events: items as { seq: number; kind: string; step?: string }[] };
}

const named = () => `Views ${test.info().project.name} ${test.info().title} ${test.info().repeatEachIndex}`;
const isScripted = () => test.info().project.name === "scripted";

test("the graph shows how each step stands and which ways were taken", async ({ page, request }) => {
  const { run_id } = await startRun(request, named());
  await open(page, `/runs/${run_id}`);
  await page.getByRole("link", { name: "Graph", exact: true }).click();
  await expect(page).toHaveURL(/\?view=graph$/);
  const node = (name: string) => page.getByRole("link", { name: `${name}:` });
  await expect(node("Begin here")).toHaveClass(/is-completed/);
  await expect(node("Ask the service")).toHaveClass(/is-failed/);
  await expect(node("Only a few")).toHaveClass(/is-skipped/);
  await expect(node("Is that well?")).toHaveClass(/is-waiting/);
  await expect(node("Double it")).toHaveAccessibleName("Double it: 3 of 3");
  await expect(page.locator(".way-taken")).toHaveCount(4);
  await expect(page.locator(".way-left")).toHaveCount(1);
  if (isScripted()) await expectAccessible(page);

  // What is chosen is chosen in each view, and the question can be answered here.
  await node("Is that well?").click();
  await expect(page).toHaveURL(/view=graph&step=ask/);
  const chosen = page.locator(".chosen");
  await expect(chosen).toContainText("Look at all of it.");
  await page.getByRole("link", { name: "Timeline", exact: true }).click();
  await expect(page.locator(".timeline-row[aria-current]")).toContainText("Is that well?");
  await page.getByRole("link", { name: "Graph", exact: true }).click();
  await expect(node("Is that well?")).toHaveAttribute("aria-current", "true");
  await chosen.getByRole("button", { name: "Approve" }).click();
  await expect(page.locator(".run-status")).toContainText("Completed");
  if (isScripted()) await expect(node("Is that well?")).toHaveClass(/is-completed/);
  await open(page, `/runs/${run_id}?view=graph`);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
});

test("the timeline shows what time was spent with, and what the end waited for", async ({ page, request }) => {
  const { run_id } = await startRun(request, named());
  await open(page, `/runs/${run_id}?view=timeline`);
  const row = (name: string) => page.locator(".timeline-row", { hasText: name });
  // Two attempts, and the pause between them.
  await expect(row("Ask the service").locator(".span-running")).toHaveCount(2);
  await expect(row("Ask the service").locator(".span-failed")).toHaveCount(2);
  await expect(row("Ask the service").locator(".span-retrying")).toHaveCount(1);
  await expect(row("Is that well?").locator(".span-person")).toHaveCount(1);
  await expect(row("Only a few").locator(".span")).toHaveCount(0);
  await expect(row("Double it")).toHaveCount(3);
  for (const name of ["Begin here", "Is it many?", "Each of them", "Is that well?"]) {
    await expect(row(name)).toHaveClass(/timeline-critical/);
  }
  await expect(row("Ask the service")).not.toHaveClass(/timeline-critical/);
  if (isScripted()) await expectAccessible(page);
  await row("Double it").nth(1).getByRole("link").click();
  await expect(page).toHaveURL(/view=timeline&step=each\.1\.double/);
  await expect(page.locator(".chosen")).toContainText("Each 2");
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
});

test("the log can be read, searched, and followed from cause to consequence", async ({ page, request }) => {
  const { run_id, events } = await startRun(request, named());
  await open(page, `/runs/${run_id}?view=events`);
  await expect(page.locator(".event")).toHaveCount(events.length);
  await expect(page.locator(".event").first()).toContainText("Started by local");
  if (isScripted()) await expectAccessible(page);
  const search = page.getByRole("searchbox", { name: "Search" });
  await search.fill("ask failed");
  if (!isScripted()) await search.press("Enter");
  // An attempt that is made again, and the end of the step.
  await expect(page.locator(".event")).toHaveCount(2);
  await expect(page.locator(".event").first()).toContainText("“Ask the service” has failed in attempt 1 and is tried again");
  if (!isScripted()) {
    await expect(page).toHaveURL(/find=ask/);
    return;
  }
  await search.fill("");
  await search.blur();
  const opened = events.find((event) => event.kind === "gate_opened")!;
  const led = events.filter((event) => event.kind === "step_completed" && event.step === "each")[0];
  await page.locator(`#event-${opened.seq} summary`).click();
  await expect(page.locator(`#event-${opened.seq}`)).toContainText('"kind": "gate_opened"');
  const threads = page.locator(`#event-${opened.seq} .event-threads`);
  await threads.getByRole("link", { name: String(led.seq), exact: true }).click();
  await expect(page.locator(`#event-${led.seq}`)).toHaveAttribute("aria-current", "true");
  await page.locator(`#event-${led.seq} summary`).click();
  const back = page.locator(`#event-${led.seq} .event-threads`).getByRole("link", { name: String(opened.seq), exact: true });
  await expect(back).toBeVisible();
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
});

test("an earlier moment is shown as it was, in each view, and has an address", async ({ page, request }) => {
  const { run_id, events } = await startRun(request, named());
  const failing = events.find((event) => event.kind === "attempt_failed")!;
  // The moment before the first failure.
  const before = failing.seq - 1;
  await open(page, `/runs/${run_id}?at=${before}`);
  const step = page.locator('[id="step-broken"]');
  await expect(step).toContainText("In progress");
  await expect(page.locator('[id="step-ask"]').getByRole("button", { name: "Approve" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Pause" })).toHaveCount(0);
  await expect(page.getByText("This is the run as it was then.")).toBeVisible();
  await page.getByRole("link", { name: "One event on" }).click();
  await expect(step).toContainText("Retrying");
  await expect(page).toHaveURL(new RegExp(`at=${failing.seq}`));
  await page.getByRole("link", { name: "Graph", exact: true }).click();
  await expect(page.getByRole("link", { name: "Ask the service:" })).toHaveClass(/is-retrying/);
  await page.getByRole("link", { name: "Events", exact: true }).click();
  await expect(page.locator(`#event-${failing.seq}`)).toHaveAttribute("aria-current", "true");
  await page.getByRole("link", { name: "To the first event" }).click();
  await page.getByRole("link", { name: "Timeline", exact: true }).click();
  await expect(page.locator(".timeline-rows > .timeline-row").first()).toBeVisible();
  await expect(page.locator(".timeline-rows .span")).toHaveCount(0);
  await page.getByRole("link", { name: "Steps", exact: true }).click();
  await expect(page.locator('[id="step-begin"]')).toContainText("Pending");
  await page.getByRole("link", { name: "go back to now" }).click();
  await expect(step).toContainText("Failed");
  await expect(page.locator('[id="step-ask"]').getByRole("button", { name: "Approve" })).toBeVisible();
});

test("steps are listed by how they stand", async ({ page, request }) => {
  const { run_id } = await startRun(request, named());
  await open(page, `/runs/${run_id}`);
  const filters = page.getByRole("navigation", { name: "Steps by how they stand" });
  await filters.getByRole("link", { name: "Completed 6" }).click();
  await expect(page).toHaveURL(/only=completed/);
  await expect(page.locator(".run-steps .step")).toHaveCount(6);
  await expect(page.locator('[id="step-each.2.double"]')).toContainText("Each 3");
  await filters.getByRole("link", { name: "Skipped or cancelled 1" }).click();
  await expect(page.locator(".run-steps .step")).toHaveCount(1);
  await filters.getByRole("link", { name: "All 9" }).click();
  await expect(page.locator('[id="step-begin"]')).toBeVisible();
});

test("what is different between two moments is told step by step", async ({ page, request }) => {
  const { run_id, events } = await startRun(request, named());
  await open(page, `/runs/${run_id}`);
  await page.getByRole("link", { name: "Changes", exact: true }).click();
  await expect(page).toHaveURL(/view=changes/);
  const rows = page.locator(".pair-row");
  const row = (name: string) => rows.filter({ has: page.getByRole("heading", { name, exact: true }) });
  await expect(page.getByRole("region", { name: "Earlier" })).toContainText("event 1");
  await expect(row("Begin here")).toContainText("Completed");
  await expect(row("Ask the service")).toContainText("Failed");
  if (isScripted()) await expectAccessible(page);

  // From the moment on at which the map was done: what came before is not told.
  const asked = events.find((event) => event.kind === "gate_opened")!.seq;
  await page.goto(`/runs/${run_id}?view=changes&at=${asked - 1}`);
  await page.getByRole("link", { name: "Compare from this moment on" }).click();
  await expect(page.getByText("Both are the same moment. Go to a later one.")).toBeVisible();
  await expect(rows).toHaveCount(0);
  await page.getByRole("link", { name: "Now", exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`since=${asked - 1}`));
  await expect(row("Is that well?")).toContainText("Waiting for approval");
  await expect(row("Begin here")).toHaveCount(0);
  await row("Is that well?").getByText("What differs").click();
  await expect(row("Is that well?").getByRole("link")).toHaveAttribute("href", /step=ask/);
  await expectNoSidewaysScroll(page);
});
