// The builder as a person uses it: from nothing to a run, without the API.

import { type Page, expect, expectAccessible, expectNoSidewaysScroll, open, test } from "../support/fixtures";

/** Adds a step, by the words of the list, and waits until its form is there. */
async function add(page: Page, what: string, button = /^Add( after)?$/): Promise<void> {
  await page.getByLabel("Add a step").selectOption(what);
  await page.getByRole("button", { name: button }).click();
}

const findings = (page: Page) => page.locator(".findings");

test("a workflow is written, mended, published and run", async ({ page, signalbox }) => {
  await open(page, "/workflows");
  await page.getByRole("link", { name: "New workflow" }).click();
  await expect(page.getByRole("heading", { name: "New workflow" })).toBeVisible();
  const name = `Fetch and ask ${test.info().project.name} ${test.info().repeatEachIndex}`;
  await page.getByLabel("Name", { exact: true }).fill(name);

  await add(page, "http.request");
  await expect(findings(page)).toContainText("One thing to mend");
  await page.getByLabel("Address", { exact: true }).fill(`${signalbox.url}/api/v1/health`);
  await expect(findings(page)).toContainText("Nothing to mend");

  await add(page, "A question to a person");
  await page.getByLabel("Question").fill("Is that all right?");
  await page.getByLabel("What is shown").fill("http_request.status");
  await expect(findings(page)).toContainText("Nothing to mend");

  // A mistake: said at its field and in the list, and mended with a click.
  await page.getByLabel("What is shown").fill("http_requst.status");
  await expect(page.locator(".field-invalid")).toContainText("http_requst");
  await findings(page).getByRole("button", { name: /http_request/ }).click();
  await expect(findings(page)).toContainText("Nothing to mend");
  await expect(page.getByLabel("What is shown")).toHaveValue("http_request.status");

  await page.getByRole("button", { name: "Undo" }).click();
  await expect(findings(page)).toContainText("One thing to mend");
  await page.getByRole("button", { name: "Redo" }).click();

  // What has been written is there when the page is loaded again.
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  await open(page, page.url());
  await expect(page.getByRole("heading", { name })).toBeVisible();
  await expect(page.locator(".picture-step")).toHaveCount(2);

  await page.getByText("Publish…").click();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await expect(page).toHaveURL(/\/workflows\/fetch-and-ask/);
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page.getByText("Is that all right?")).toBeVisible();
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.locator(".run-status").getByText("Completed", { exact: true })).toBeVisible();
});

test("the next version is written while a run of the last one waits", async ({ page, request }) => {
  const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?" };
  const title = `Versions ${test.info().project.name} ${test.info().repeatEachIndex}`;
  const { slug } = await (await request.post("/api/v1/workflows", { data: { name: title, steps: [ask] } })).json();
  const started = await request.post("/api/v1/runs", { data: { workflow: slug } });
  await open(page, `/workflows/${slug}`);
  await page.getByRole("link", { name: "Edit" }).click();
  await page.locator(".outline-step").filter({ hasText: "Ask" }).click();
  await page.getByLabel("Question").fill("Better?");
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  await page.getByText("Publish…").click();
  await page.getByLabel("What has changed (optional)").fill("A better question");
  await page.getByRole("button", { name: "Publish as a new version" }).click();
  await expect(page).toHaveURL(new RegExp(`/workflows/${slug}$`));
  const versions = await (await request.get(`/api/v1/workflows/${slug}/versions`)).json();
  expect(versions.items.map(({ number, note }: { number: number; note: string }) => [number, note])).toContainEqual([
    2,
    "A better question",
  ]);
  await open(page, `/runs/${(await started.json()).run_id}`);
  await expect(page.getByText("Well?")).toBeVisible();
});

test("the picture has room beside a run that is under way, and follows it when nobody has moved it", async ({ page, request }) => {
  const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?" };
  const steps = [ask, { ...ask, id: "again", name: "Ask again" }];
  const workflow = { name: `Beside ${test.info().repeatEachIndex}`, steps, edges: [{ from: "ask", to: "again" }] };
  const { slug } = await (await request.post("/api/v1/workflows", { data: workflow })).json();
  await request.post("/api/v1/runs", { data: { workflow: slug } });
  await page.setViewportSize({ width: 1_280, height: 720 });
  await open(page, `/workflows/${slug}/edit`);
  await expect(page.getByRole("complementary", { name: "Active run" })).toBeVisible();
  await expect(page.locator(".picture-step")).toHaveCount(2);
  const picture = page.locator(".picture");
  expect((await picture.boundingBox())!.width).toBeGreaterThan(400);
  const place = async () => {
    const [frame, step] = [(await picture.boundingBox())!, (await page.locator(".picture-step rect").first().boundingBox())!];
    return { width: frame.width, left: step.x - frame.x, right: frame.x + frame.width - step.x - step.width };
  };
  const offMiddle = async () => {
    const { left, right } = await place();
    return Math.abs(left - right);
  };
  await expect.poll(offMiddle).toBeLessThan(3);
  const first = await place();
  await page.setViewportSize({ width: 900, height: 720 });
  await expect.poll(async () => Math.abs((await place()).width - first.width)).toBeGreaterThan(30);
  await expect.poll(offMiddle).toBeLessThan(3);
  await page.getByRole("button", { name: "Smaller" }).click();
  const moved = await place();
  await page.setViewportSize({ width: 1_150, height: 720 });
  await expect.poll(async () => (await place()).width).toBeGreaterThan(moved.width + 100);
  // Two frames later all who are told of a new size have been.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  expect(Math.abs((await place()).left - moved.left)).toBeLessThan(1);
});

test("the builder works by keyboard alone", async ({ page }) => {
  await open(page, "/workflows/new");
  await page.getByLabel("Name", { exact: true }).focus();
  await page.keyboard.type("By keyboard");
  await page.getByLabel("Add a step").focus();
  await page.getByLabel("Add a step").press("p");
  await page.getByRole("button", { name: "Add", exact: true }).press("Enter");
  await expect(page.locator(".outline-step")).toHaveCount(1);
  await page.getByLabel("Add a step").selectOption("A question to a person");
  await page.getByRole("button", { name: "Add after" }).press("Enter");
  const lines = page.locator(".outline-step");
  await expect(lines).toHaveCount(2);
  const first = await lines.nth(0).textContent();
  await lines.nth(0).press("Alt+ArrowDown");
  await expect(lines.nth(1)).toHaveText(first ?? "");
  await expect(lines.nth(1)).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(lines).toHaveCount(1);
  await expect(lines.nth(0)).toBeFocused();
  await page.keyboard.press("Control+z");
  await expect(lines).toHaveCount(2);
});

for (const width of [360, 1_280]) {
  test(`the builder is accessible at ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    await open(page, "/workflows/deploy-rehearsal");
    await open(page, "/workflows/new");
    await expect(findings(page)).toContainText("to mend");
    await expectAccessible(page);
    await add(page, "http.request");
    await expect(page.locator(".picture-step")).toHaveCount(1);
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    // In a narrow window the form stands below all steps, a button away.
    const toForm = page.getByRole("button", { name: "Its form ↓" });
    await expect(toForm).toBeVisible({ visible: width === 360 });
    if (width === 360) {
      await toForm.click();
      await expect(page.locator("#panel-title")).toBeInViewport();
      await expect(page.locator("#panel-title")).toBeFocused();
    }
    // What opens stays in the window, and closes as a menu does.
    const button = page.getByText("Publish…");
    await button.click();
    const form = (await page.locator(".publish-form").boundingBox())!;
    expect(form.x).toBeGreaterThanOrEqual(0);
    expect(form.x + form.width).toBeLessThanOrEqual(width);
    await page.getByLabel("A note on the first version (optional)").press("Escape");
    await expect(page.locator(".publish-form")).toBeHidden();
    await expect(button).toBeFocused();
  });
}
