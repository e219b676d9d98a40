// The viewer of a long run: a page of it at a time, and ways to what matters, with scripting and without.

import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from "../support/fixtures";

test("a long run is shown a page at a time, and leads to what has failed and to what waits", async ({ page, request }) => {
  const trivial = (at: number) => ({ id: `s${at}`, kind: "transform", set: { n: at } });
  const steps: object[] = Array.from({ length: 250 }, (_, at) => trivial(at));
  steps.splice(180, 0, {
    id: "broken",
    kind: "tool_call",
    tool: "http.request",
    with: { url: "http://127.0.0.1:1/" },
    on_error: "continue",
  });
  steps.push({ id: "ask", kind: "human_gate", message: "Go on?" });
  const inner = { steps: [{ id: "ask_each", kind: "human_gate", message: "And this one?" }] };
  const over = "=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]";
  steps.push({ id: "each", kind: "map", over, max_parallel: 25, body: inner });
  // One first, then all of them side by side.
  steps.unshift({ id: "begin", kind: "parallel" });
  const edges = steps.slice(1).map((step) => ({ from: "begin", to: (step as { id: string }).id }));
  const name = `Long ${test.info().project.name} ${test.info().repeatEachIndex}`;
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
    .toEqual([1, 26]);

  // It opens where somebody has to look: what waits comes before what has failed.
  await open(page, `/runs/${run_id}`);
  const pager = page.locator(".run-steps > .pager").first();
  const row = (id: string) => page.locator(`[id="step-${id}"]`);
  await expect(pager).toContainText("201–254 of 254 steps");
  await expect(page.getByText("And 21 more.")).toBeVisible();
  const scripted = test.info().project.name === "scripted";
  if (scripted) await expectAccessible(page);

  await pager.getByRole("link", { name: "Earlier" }).click();
  await expect(pager).toContainText("101–200 of 254 steps");
  await expect(page.locator(".run-steps > .steps > .step")).toHaveCount(100);
  await pager.getByRole("link", { name: "Earlier" }).click();
  await expect(pager).toContainText("1–100 of 254 steps");
  await expect(row("s0")).toBeVisible();
  await page.goBack();
  await expect(pager).toContainText("101–200 of 254 steps");
  await page.goBack();
  await expect(pager).toContainText("201–254 of 254 steps");

  // One after the other: the gate, then those inside of the map, each on its page.
  const next = page.getByRole("link", { name: "Next that waits for somebody (26)" });
  await next.click();
  await expect(page).toHaveURL(/\?step=ask#step-ask$/);
  await expect(pager).toContainText("201–254 of 254 steps");
  await expect(row("ask")).toBeInViewport();
  if (scripted) await expect(row("ask")).toBeFocused();
  await next.click();
  await expect(page).toHaveURL(/\?step=each\.\d+\.ask_each#/);
  await expect(row(new URL(page.url()).searchParams.get("step")!)).toBeInViewport();
  await page.getByRole("link", { name: "Next that failed (1)" }).click();
  await expect(row("broken")).toBeInViewport();

  // A link that somebody was sent, to the last of the iterations.
  await open(page, `/runs/${run_id}?step=each.24.ask_each`);
  await expect(row("each.24.ask_each")).toBeVisible();
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
});
