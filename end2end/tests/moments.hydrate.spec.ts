// Going back in time by hand, while the run goes on.

import { expect, hydrated, open, test } from "../support/fixtures";

test("the slider shows each moment without asking the server, and the run goes on meanwhile", async ({ page, request }) => {
  const steps = [
    { id: "first", kind: "transform", set: { a: 1 } },
    { id: "ask", kind: "human_gate", message: "Go on?" },
    { id: "last", kind: "transform", set: { a: 2 } },
  ];
  const edges = [
    { from: "first", to: "ask" },
    { from: "ask", to: "last" },
  ];
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
  await page.getByRole("link", { name: "Steps", exact: true }).click();
  await expect(page.locator(".run-status")).toContainText("Completed");
  await expect(row("last")).toContainText("Completed");
  await expect(page).not.toHaveURL(/at=/);
  await expect(page.getByText("This is the run as it was then.")).toHaveCount(0);
});
