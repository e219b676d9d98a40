// What a program outside writes about its step, as a person reads it. With and without scripting.

import { type APIRequestContext, expect, expectNoSidewaysScroll, open, test } from "../support/fixtures";
import { step } from "../support/health-check";

/** A run that waits for a program, and the address of its log. */
async function waiting(request: APIRequestContext, name: string): Promise<{ page: string; logs: string }> {
  const steps = [{ id: "build", name: "Build it", kind: "external", timeout_ms: 60_000 }];
  const made = await request.post("/api/v1/workflows", { data: { name, steps } });
  const workflow = await made.json();
  expect(made.status(), JSON.stringify(workflow)).toBe(201);
  const run = await (await request.post("/api/v1/runs", { data: { workflow: workflow.slug } })).json();
  return { page: `/runs/${run.run_id}`, logs: `/api/v1/runs/${run.run_id}/steps/build/logs` };
}

async function write(request: APIRequestContext, logs: string, data: string): Promise<void> {
  const written = await request.post(logs, { data, headers: { "content-type": "text/plain" } });
  expect(written.status(), await written.text()).toBe(200);
}

test("what a program writes is read on the run's page and downloaded", async ({ page, request }) => {
  const run = await waiting(request, `Logs ${test.info().project.name}`);
  await write(request, run.logs, "compiling\n\u001b[1;31merror\u001b[0m: <b>no</b>\n");
  await open(page, run.page);
  const build = step(page, "Build it");
  await build.locator(".step-log > summary").click();
  const lines = build.getByRole("log");
  await expect(lines.locator(".log-line")).toHaveCount(2);
  await expect(lines.locator(".log-line").nth(1)).toContainText("error: <b>no</b>");
  await expect(lines.locator(".ansi-fg-1")).toHaveText("error");
  const download = page.waitForEvent("download");
  await build.getByRole("link", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe("build.1.log.txt");
});

test("a full log says so", async ({ page, request }) => {
  const run = await waiting(request, `Full log ${test.info().project.name}`);
  await write(request, run.logs, Array.from({ length: 10_002 }, (_, at) => `line ${at + 1}\n`).join(""));
  const build = step(page, "Build it");
  await open(page, run.page);
  await build.locator(".step-log > summary").click();
  await expect(build.locator(".log-line").last()).toContainText("line 10000");
  await expect(build.locator(".log-closing")).toContainText("The rest was dropped: 2 lines");
});

test("a log with long lines fits a narrow page", async ({ page, request }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const run = await waiting(request, `Long lines ${test.info().project.name}`);
  await write(request, run.logs, `${"x".repeat(2_000)}\n`);
  await open(page, run.page);
  await step(page, "Build it").locator(".step-log > summary").click();
  await expectNoSidewaysScroll(page);
});
