// A log while it is written: followed, held, searched.

import { type APIRequestContext, type Locator, type Page, expect, expectAccessible, hydrated, open, test } from "../support/fixtures";
import { step } from "../support/health-check";

interface Waiting {
  step: string;
  logs: string;
}

/** A run that waits for a program, which has written these lines. */
async function waiting(request: APIRequestContext, name: string, lines: string, retries = 0): Promise<Waiting & { page: string }> {
  const retry = retries > 0 ? { retry: { max_attempts: retries + 1, base_ms: 1 } } : {};
  const steps = [{ id: "build", name: "Build it", kind: "external", timeout_ms: 60_000, ...retry }];
  const document = { name: `${name} ${test.info().project.name}`, steps };
  const workflow = await (await request.post("/api/v1/workflows", { data: document })).json();
  const run = await (await request.post("/api/v1/runs", { data: { workflow: workflow.slug } })).json();
  const address = `/api/v1/runs/${run.run_id}/steps/build`;
  const there = { step: address, logs: `${address}/logs`, page: `/runs/${run.run_id}` };
  if (lines) await write(request, there, lines);
  return there;
}

/** Opens the page of such a run, with the log unfolded. */
async function unfolded(page: Page, request: APIRequestContext, name: string, lines: string, retries = 0): Promise<Waiting> {
  const there = await waiting(request, name, lines, retries);
  await open(page, there.page);
  await step(page, "Build it").locator(".step-log > summary").click();
  return there;
}

/** The last line is in sight within the log, wherever the log is on the page. */
async function expectAtEnd(log: Locator): Promise<void> {
  const left = () => log.evaluate((lines) => lines.scrollHeight - lines.scrollTop - lines.clientHeight);
  await expect.poll(left).toBeLessThan(24);
}

async function write(request: APIRequestContext, run: Waiting, data: string): Promise<void> {
  const written = await request.post(run.logs, { data, headers: { "content-type": "text/plain" } });
  expect(written.status(), await written.text()).toBe(200);
}

const numbered = (count: number, from = 1) => Array.from({ length: count }, (_, at) => `line ${at + from}\n`).join("");

test("new lines are shown as they come, until somebody scrolls up", async ({ page, request }) => {
  const run = await unfolded(page, request, "Followed log", numbered(200));
  const log = step(page, "Build it").getByRole("log");
  await expect(log.locator(".log-line")).toHaveCount(200);
  await write(request, run, numbered(5, 201));
  await expect(log.locator(".log-line").last()).toContainText("line 205");
  await expectAtEnd(log);

  const follow = step(page, "Build it").getByRole("button", { name: "Follow" });
  await expect(follow).toHaveAttribute("aria-pressed", "true");
  await log.evaluate((lines) => lines.scrollTo(0, 0));
  await expect(follow).toHaveAttribute("aria-pressed", "false");
  // Longer than it takes to be asked twice, after what may still be on its way.
  await page.waitForTimeout(1_000);
  let asked = 0;
  page.on("request", (sent) => (asked += sent.url().includes("/rpc/step_log") ? 1 : 0));
  await write(request, run, "held back\n");
  await page.waitForTimeout(1_200);
  expect(asked, "nobody asks for what is not followed").toBe(0);
  await expect(log.getByText("held back")).toHaveCount(0);

  await follow.click();
  await expect(log.getByText("held back")).toHaveCount(1);
  await expectAtEnd(log);
  await write(request, run, "the last\n");
  await request.post(`${run.step}/result`, { data: { outcome: "succeeded" } });
  await expect(log.locator(".log-line").last()).toContainText("the last");
  await expect(follow).toHaveCount(0);
});

test("a log that is unfolded before the client takes over is followed", async ({ page, request }) => {
  const run = await waiting(request, "Early log", "early\n");
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await page.route("**/*.wasm", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(run.page, { waitUntil: "commit" });
  await step(page, "Build it").locator(".step-log > summary").click();
  go();
  await hydrated(page);
  await write(request, run, "late\n");
  await expect(step(page, "Build it").getByRole("log")).toContainText("late");
});

test("a search that fails says so, and is asked again", async ({ page, request }) => {
  await unfolded(page, request, "Log that cannot be read", numbered(31));
  const build = step(page, "Build it");
  await expect(build.locator(".log-line")).toHaveCount(31);
  let fails = true;
  await page.route("**/rpc/step_log*", (route) =>
    fails ? route.fulfill({ status: 200, contentType: "text/plain", body: "no answer" }) : route.continue(),
  );
  await build.getByLabel("Search").fill("line 2");
  await expect(build.locator(".log-told")).toHaveText("The log cannot be read now. It is asked for again soon.");
  fails = false;
  await expect(build.locator(".log-told")).toHaveText("11 of 31 lines say that.");
  await expect(build.getByRole("status").getByText("11 lines found.")).toHaveCount(1);
});

test("the next attempt leaves the search of its log as it is", async ({ page, request }) => {
  const run = await unfolded(page, request, "Log of two attempts", "first one\nfirst two\n", 1);
  const build = step(page, "Build it");
  await build.getByLabel("Search").fill("one");
  await expect(build.locator(".log-told")).toHaveText("1 of 2 lines say that.");
  await build.getByLabel("Search").focus();
  const failed = { outcome: "failed", code: "broken", message: "it broke" };
  const ended = await request.post(`${run.step}/result`, { data: failed });
  expect(ended.ok(), await ended.text()).toBe(true);
  await expect(build.locator(".log-told")).toHaveText("0 of 0 lines say that.");
  await write(request, run, "second one\nsecond two\nsecond three\n");
  await expect(build.locator(".log-told")).toHaveText("1 of 3 lines say that.");
  await expect(build.getByRole("log")).toContainText("second one");
  await expect(build.getByLabel("Search")).toHaveValue("one");
  await expect(build.getByLabel("Search")).toBeFocused();
});

test("a log is searched, with the number of lines that say it", async ({ page, request }) => {
  await unfolded(page, request, "Searched log", `${numbered(30)}100% _done\n`);
  const build = step(page, "Build it");
  await build.getByLabel("Search").fill("LINE 2");
  await expect(build.locator(".log-told")).toHaveText("11 of 31 lines say that.");
  await expect(build.locator(".log-line")).toHaveCount(11);
  await build.getByLabel("Search").fill("% _");
  await expect(build.locator(".log-line")).toHaveCount(1);
  await expect(build.locator(".log-number")).toHaveText("31");
  await build.getByLabel("Search").fill("");
  await expect(build.locator(".log-line")).toHaveCount(31);
});

test("an earlier moment has the lines of then", async ({ page, request }) => {
  const run = await unfolded(page, request, "Log of then", "early\n");
  await request.post(`${run.step}/progress`, { data: { percent: 50, doing: "half" } });
  await expect(step(page, "Build it").getByText("early")).toBeVisible();
  await write(request, run, "late\n");
  await request.post(`${run.step}/result`, { data: { outcome: "succeeded" } });
  await expect(step(page, "Build it").getByText("late")).toBeVisible();
  // After the report of progress and before the end.
  const events = await (await request.get(run.step.replace(/\/steps\/.*/, "/events"))).json();
  const progress = events.items.find((event: { kind: string }) => event.kind === "attempt_progressed");
  await page.goto(`${page.url().split("?")[0]}?at=${progress.seq}`);
  await step(page, "Build it").locator(".step-log > summary").click();
  await expect(step(page, "Build it").getByText("early")).toBeVisible();
  await expect(step(page, "Build it").getByText("late")).toHaveCount(0);
  // It was being made then, and yet there is nothing to follow.
  await expect(step(page, "Build it").getByRole("button", { name: "Follow" })).toHaveCount(0);
});

test("nothing has been written yet", async ({ page, request }) => {
  const run = await unfolded(page, request, "Empty log", "");
  await expect(step(page, "Build it").locator(".log-told")).toHaveText("Nothing has been written yet.");
  await write(request, run, "now\n");
  await expect(step(page, "Build it").getByRole("log")).toContainText("now");
});

test("nothing was written", async ({ page, request }) => {
  const run = await unfolded(page, request, "Empty log that ended", "");
  await request.post(`${run.step}/result`, { data: { outcome: "succeeded" } });
  await expect(step(page, "Build it").locator(".log-told")).toHaveText("Nothing was written.");
});

for (const width of [360, 1_280]) {
  test(`an open log in all colours is accessible at ${width} px`, async ({ page, request }) => {
    await page.setViewportSize({ width, height: 800 });
    const colours = Array.from({ length: 16 }, (_, at) => `\u001b[38;5;${at}mcolour ${at}\u001b[0m \u001b[48;5;${at}mback ${at}\u001b[0m`);
    const looks = [1, 2, 3, 4, 7, 9].map((code) => `\u001b[${code}mlook ${code}\u001b[0m`);
    await unfolded(page, request, `Coloured log ${width}`, `${[...colours, ...looks].join("\n")}\n`);
    await expect(step(page, "Build it").locator(".log-line")).toHaveCount(22);
    await expectAccessible(page);
  });
}
