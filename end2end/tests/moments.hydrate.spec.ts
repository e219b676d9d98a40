// Going back in time by hand, while the run goes on.

import { expect, hydrated, open, test } from "../support/fixtures";

test("the slider shows each moment without asking the server, and the run goes on meanwhile", async ({ page, request }) => {
  const steps = [
    { id: "first", kind: "transform", set: { a: 1 } },
    { id: "ask", kind: "human_gate", message: "Go on?" },
    // Enough to play for long at the slowest speed.
    ...Array.from({ length: 40 }, (_, at) => ({ id: `then_${at}`, kind: "transform", set: { at } })),
    { id: "last", kind: "transform", set: { a: 2 } },
  ];
  const edges = steps.slice(1).map(({ id }, at) => ({ from: steps[at].id, to: id }));
  const name = `Moments ${test.info().repeatEachIndex}`;
  const created = await request.post("/api/v1/workflows", { data: { name, steps, edges } });
  const { slug } = await created.json();
  const { run_id } = await (await request.post("/api/v1/runs?wait=1s", { data: { workflow: slug } })).json();
  await open(page, `/runs/${run_id}`);
  const slider = page.getByRole("slider", { name: "Moment" });
  const row = (id: string) => page.locator(`[id="step-${id}"]`);
  await expect(row("ask").getByRole("button", { name: "Approve" })).toBeVisible();
  const end = Number(await slider.inputValue());

  const asked: string[] = [];
  // What is beside the page goes on by itself.
  const isBeside = (url: string) => /\/rpc\/(active_run|waiting_count)|favicon/.test(url);
  page.on("request", (sent) => isBeside(sent.url()) || asked.push(sent.url()));
  await slider.focus();
  await slider.press("Home");
  await expect(row("first")).toContainText("Pending");
  await expect(slider).toHaveAttribute("aria-valuetext", `Event 1 of ${end}: Started by local`);
  await slider.press("ArrowRight");
  await expect(row("first")).toContainText("Completed");
  await expect(row("ask")).toContainText("Pending");
  await expect(page).toHaveURL(/at=2/);
  expect(asked).toEqual([]);

  // The slider keeps the focus, also where a step is looked for.
  await page.goto(`/runs/${run_id}?step=first&at=1`);
  await hydrated(page);
  await slider.focus();
  await slider.press("ArrowRight");
  await expect(page).toHaveURL(/at=2/);
  await expect(slider).toBeFocused();
  await slider.press("ArrowRight");
  // The last event is now.
  await expect(page).not.toHaveURL(/at=/);
  await expect(slider).toBeFocused();
  await slider.press("ArrowLeft");
  await expect(page).toHaveURL(/at=2/);

  // The run ends meanwhile; the moment that is looked at stays.
  const { items } = await (await request.get("/api/v1/gates")).json();
  const gate = items.find((gate: { run_id: string }) => gate.run_id === run_id);
  const decided = await request.post(`/api/v1/gates/${gate.id ?? gate.gate_id}/decision`, {
    data: { decision: "approve", plan_hash: gate.plan_hash },
  });
  expect(decided.ok(), await decided.text()).toBeTruthy();
  await expect(slider).not.toHaveAttribute("max", String(end));
  await expect(row("ask")).toContainText("Pending");
  await expect(page.locator(".run-status")).not.toContainText("Completed");

  // It plays on while a step is chosen, and to its end shows the run as it is.
  await page.getByRole("combobox", { name: "Events a second" }).selectOption("2");
  await page.getByRole("button", { name: "Play" }).click();
  await page.getByRole("link", { name: "Timeline", exact: true }).click();
  await expect(page.locator(".timeline-row").first()).toBeVisible();
  await expect(page.getByText("This is the run as it was then.")).toBeVisible();
  const played = Number(await slider.inputValue());
  await page.getByRole("link", { name: "Steps", exact: true }).click();
  await expect.poll(async () => Number(await slider.inputValue())).toBeGreaterThan(played);
  await page.getByRole("combobox", { name: "Events a second" }).selectOption("1000");
  await expect(page.locator(".run-status")).toContainText("Completed");
  await expect(row("last")).toContainText("Completed");
  await expect(page).not.toHaveURL(/at=/);
  await expect(page.getByText("This is the run as it was then.")).toHaveCount(0);
});

test("moments that follow each other within a picture leave the lists whole", async ({ page, request }) => {
  const over = Array.from({ length: 40 }, (_, at) => at);
  const body = { steps: [{ id: "double", kind: "transform", set: { twice: "=item * 2" } }] };
  const steps = [
    { id: "each", kind: "map", over, body },
    { id: "ask", kind: "human_gate" },
  ];
  const workflow = { name: `Quick moments ${test.info().repeatEachIndex}`, steps, edges: [{ from: "each", to: "ask" }] };
  const { slug } = await (await request.post("/api/v1/workflows", { data: workflow })).json();
  const { run_id } = await (await request.post("/api/v1/runs?wait=1s", { data: { workflow: slug } })).json();
  for (const query of ["?only=completed", "?only=pending", "?view=timeline", "?step=each"]) {
    await open(page, `/runs/${run_id}${query}`);
    const total = await page.evaluate(async () => {
      const slider = document.querySelector<HTMLInputElement>(".scrubber input[type=range]")!;
      const end = Number(slider.max);
      const turn = (moment: number) => {
        slider.value = String(moment);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
      };
      for (const moment of [1, end - 1, 1, Math.floor(end / 2), 2, end - 1]) {
        turn(moment);
        // Effects have run, timers have not.
        await Promise.resolve();
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      turn(1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      return end;
    });
    await expect(page.getByRole("slider", { name: "Moment" }), query).toHaveAttribute("aria-valuetext", new RegExp(`^Event 1 of ${total}`));
  }
  // What is done to a run is done now: in the past it is not offered.
  await open(page, `/runs/${run_id}`);
  await page.getByRole("slider", { name: "Moment" }).press("ArrowLeft");
  await expect(page.getByText("This is the run as it was then.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Approve" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Skip this step" })).toHaveCount(0);
});
