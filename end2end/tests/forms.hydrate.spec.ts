// The forms of the builder, and its picture: every part of a workflow can be read and written, and nothing typed is lost.

import {
  type APIRequestContext,
  type Page,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  open,
  test,
} from "../support/fixtures";

type Json = Record<string, unknown>;

const findings = (page: Page) => page.locator(".findings");
const panel = (page: Page) => page.locator(".builder-panel");

/** A name that no other test has. */
function unique(name: string): string {
  const { project, repeatEachIndex } = test.info();
  return `${name} ${project.name} ${repeatEachIndex} ${Math.floor(performance.now())}`;
}

/** Stores the workflow, opens it in the builder, and answers its name. */
async function edit(page: Page, request: APIRequestContext, document: Json): Promise<string> {
  const name = unique("Forms");
  const answer = await request.post("/api/v1/workflows", { data: { name, ...document } });
  expect(answer.ok(), await answer.text()).toBeTruthy();
  const { slug } = await answer.json();
  await open(page, `/workflows/${slug}/edit`);
  await expect(findings(page)).toContainText("Nothing to mend");
  return name;
}

/** The draft as it is kept on the server. */
async function kept(page: Page, request: APIRequestContext, name: string): Promise<Json> {
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  const drafts = await (await request.get("/api/v1/drafts?limit=100")).json();
  const draft = drafts.items.find((item: Json) => item.name === name);
  const { document } = await (await request.get(`/api/v1/drafts/${draft.id}`)).json();
  return document;
}

async function select(page: Page, name: string): Promise<void> {
  await page.locator(".outline-step").filter({ hasText: name }).first().click();
  await expect(panel(page).getByRole("heading", { level: 2 })).toContainText(name);
}

const fetch = { id: "fetch", name: "Fetch", kind: "tool_call", tool: "http.request", with: { url: "http://127.0.0.1:1/" } };
const noop = { id: "noop", name: "Nothing", kind: "tool_call", tool: "util.noop", with: {} };

test("names are completed as an expression is typed, by keyboard", async ({ page, request }) => {
  const draft = await edit(page, request, {
    steps: [fetch, { id: "check", name: "Check", kind: "condition", expression: "true" }, noop, { ...noop, id: "other" }],
    edges: [
      { from: "fetch", to: "check" },
      { from: "check", to: "noop", when: "check.result" },
      { from: "check", to: "other", default: true },
    ],
  });
  await select(page, "Check");
  const text = page.getByLabel("Condition", { exact: true });
  await text.fill("");
  await text.pressSequentially("fet");
  const offers = page.getByRole("listbox", { name: "Names for Condition" });
  await expect(offers.getByRole("option").first()).toContainText("fetch");
  await expect(text).toHaveAttribute("aria-activedescendant", /offer-0$/);
  await text.press("ArrowDown");
  await text.press("ArrowUp");
  await text.press("Enter");
  await expect(text).toHaveValue("fetch");
  await expect(offers).toBeHidden();
  await text.pressSequentially(".sta");
  await expect(offers.getByRole("option").first()).toContainText("status");
  await text.press("Enter");
  await text.pressSequentially(" == 200 && si");
  await text.press("Enter");
  await expect(text).toHaveValue("fetch.status == 200 && size()");
  // The caret is between the brackets.
  await text.pressSequentially("fetch.bo");
  await text.press("Escape");
  await expect(offers).toBeHidden();
  await expect(text).toBeFocused();
  await text.pressSequentially("dy");
  await expect(text).toHaveValue("fetch.status == 200 && size(fetch.body)");
  // What is wrong is said at the field while it is typed.
  await text.press("End");
  await text.pressSequentially(" &&");
  await expect(panel(page).locator(".field-invalid")).toContainText("not a CEL expression");
  await expect(text).toHaveAttribute("aria-invalid", "true");
  await text.fill("fetch.status == 200");
  await expect(findings(page)).toContainText("Nothing to mend");
  const { steps } = await kept(page, request, draft);
  expect((steps as Json[])[1].expression).toBe("fetch.status == 200");
});

test("a value is picked from what comes before, with a look at what it may be", async ({ page, request }) => {
  await edit(page, request, {
    inputs: {
      type: "object",
      properties: { address: { type: "string", format: "uri" }, hosts: { type: "array", items: { type: "string" } } },
    },
    steps: [fetch],
  });
  await select(page, "Fetch");
  await page.getByLabel("How Address is given").selectOption("From before");
  const address = page.getByRole("combobox", { name: "Address", exact: true });
  await expect(address).toHaveAttribute("aria-expanded", "false");
  await address.press("ArrowDown");
  const offers = page.getByRole("listbox", { name: "Names for Address" });
  // What does not fit is marked, and stands behind what does.
  await expect(offers.getByRole("option").filter({ hasText: "input.hosts" })).toContainText("list, not text");
  await address.fill("addr");
  await offers.getByRole("option").filter({ hasText: "input.address" }).click();
  await expect(address).toHaveValue("input.address");
  await expect(panel(page).locator(".preview")).toContainText('text, such as "https://example.com/"');
  await expect(findings(page)).toContainText("Nothing to mend");
  await address.fill("input.hosts");
  await expect(panel(page).locator(".preview-misfit")).toContainText("list; text is wanted");
});

test("a short list is typed with commas", async ({ page, request }) => {
  const given = { ...fetch.with, expect_status: ["200-599", 404] };
  const name = await edit(page, request, { steps: [{ ...fetch, with: given }] });
  await select(page, "Fetch");
  const expected = panel(page).getByLabel("Expected status (optional)", { exact: true });
  await expect(expected).toHaveValue("200-599, 404");
  await expected.fill("2xx");
  await expect(panel(page).locator(".field-invalid")).toContainText("neither a number such as 204 nor a range");
  await expected.fill("204, 300-399");
  await expect(findings(page)).toContainText("Nothing to mend");
  const { steps } = (await kept(page, request, name)) as { steps: { with: Json }[] };
  expect(steps[0].with.expect_status).toEqual([204, "300-399"]);
});

test("a condition that can only go one way is said to be one, and can be published", async ({ page, request }) => {
  const above = { id: "above", name: "Above", kind: "condition", expression: "fetch.status >= 400" };
  await edit(page, request, {
    steps: [fetch, above, noop, { ...noop, id: "other", name: "Other" }],
    edges: [
      { from: "fetch", to: "above" },
      { from: "above", to: "noop", when: "above.result == true" },
      { from: "above", to: "other", default: true },
    ],
  });
  await expect(findings(page)).toContainText("Worth a look");
  await findings(page).getByRole("button", { name: /is never true/ }).click();
  const condition = panel(page).getByLabel("Condition", { exact: true });
  await expect(panel(page).locator(".field-warning")).toContainText("with a status outside of 200-299");
  await expect(condition).not.toHaveAttribute("aria-invalid");
  await expectAccessible(page);
  await condition.fill("fetch.status == 204");
  await expect(findings(page)).not.toContainText("Worth a look");
  await condition.fill("fetch.status < 300");
  await expect(findings(page)).toContainText("is always true");
  await page.getByText("Publish…").click();
  await page.getByRole("button", { name: "Publish as a new version" }).click();
  await expect(page.getByText("Version 2 is published.")).toBeVisible();
});

test("every policy of a step is written in words and units, and what cannot be read is kept and said", async ({
  page,
  request,
}) => {
  const draft = await edit(page, request, { steps: [fetch, noop], edges: [{ from: "fetch", to: "noop" }] });
  await select(page, "Fetch");
  await page.getByLabel("Time for one try", { exact: true }).fill("1.5");
  await page.getByLabel("Unit of Time for one try").selectOption("minutes");
  await page.getByText("When it fails", { exact: true }).click();
  await page.getByLabel("Tries in all", { exact: true }).fill("4");
  await page.getByLabel("First pause", { exact: true }).fill("2");
  await page.getByLabel("Longest pause", { exact: true }).fill("5");
  await page.getByLabel("Unit of Longest pause").selectOption("minutes");
  await page.getByLabel("Not after these failures").fill("invalid_input, not_found");
  await page.getByLabel("When it has failed").selectOption("the run goes on");
  await page.getByLabel("What undoes it").selectOption("http.request");
  await panel(page).locator(".field-inside").getByLabel("How Address is given").selectOption("From before");
  await panel(page).locator(".field-inside").getByRole("combobox", { name: "Address", exact: true }).fill("fetch.body");
  await page.getByText("Before it begins, and its weight").click();
  await page.getByLabel("A person must allow it first").check();
  await page.getByLabel("Question").fill("Go on?");
  await page.getByLabel("Who may answer").fill("ann, bob");
  await page.getByLabel("Unit of Deadline").selectOption("no limit");
  await page.getByLabel("At once", { exact: true }).fill("3");
  await page.getByLabel("For the same key (optional)", { exact: true }).fill("one");
  await page.getByLabel("Share in the progress of the run").fill("5");
  // Nonsense changes nothing, stays to be mended, and is said.
  await page.getByLabel("Tries in all", { exact: true }).first().fill("many");
  await expect(panel(page).locator(".field-invalid").first()).toContainText("not a whole number");
  await expect(page.getByLabel("Tries in all", { exact: true }).first()).toHaveValue("many");
  const { steps } = await kept(page, request, draft);
  expect((steps as Json[])[0]).toMatchObject({
    timeout_ms: 90_000,
    retry: { max_attempts: 4, base_ms: 2_000, cap_ms: 300_000, no_retry: ["invalid_input", "not_found"] },
    on_error: "continue",
    compensate: { tool: "http.request", with: { url: "$fetch.body" } },
    approval: { message: "Go on?", approvers: ["ann", "bob"], timeout_ms: "never" },
    concurrency: { max: 3, key: "one" },
    weight: 5,
  });
  await page.getByLabel("Tries in all", { exact: true }).first().fill("4");
  await expect(panel(page).locator(".field-invalid")).toHaveCount(0);
});

test("another workflow is chosen with its version, and asks for its own input", async ({ page, request }) => {
  const name = unique("Callee");
  const inputs = { type: "object", required: ["city"], properties: { city: { type: "string", title: "City" } } };
  const callee = await (await request.post("/api/v1/workflows", { data: { name, inputs, steps: [noop] } })).json();
  const draft = await edit(page, request, {
    steps: [{ id: "sub", name: "Sub", kind: "subworkflow", workflow: callee.slug, with: { city: "Bonn" } }],
  });
  await select(page, "Sub");
  await expect(page.getByLabel("City", { exact: true })).toHaveValue("Bonn");
  await page.getByLabel("City", { exact: true }).fill("Köln");
  await page.getByLabel("Version", { exact: true }).selectOption("Version 1");
  const { steps } = await kept(page, request, draft);
  expect((steps as Json[])[0]).toMatchObject({ workflow: callee.slug, version: 1, with: { city: "Köln" } });
});

test("a wait, a map, a loop and somebody outside have forms of their own", async ({ page, request }) => {
  const body = { steps: [{ ...noop, id: "inner", name: "Inner" }] };
  const draft = await edit(page, request, {
    steps: [
      { id: "pause", name: "Pause", kind: "wait", for_ms: 60_000 },
      { id: "each", name: "Each", kind: "map", over: ["a"], body },
      { id: "outside", name: "Outside", kind: "external", with: { what: "this" } },
    ],
    edges: [{ from: "pause", to: "each" }, { from: "each", to: "outside" }],
  });
  await select(page, "Pause");
  await expect(page.getByLabel("How long", { exact: true })).toHaveValue("1");
  await page.getByLabel("Waits for").selectOption("A tool to answer so");
  await page.getByLabel("Address", { exact: true }).fill("http://127.0.0.1:1/");
  await page.getByLabel("Until", { exact: true }).pressSequentially("result.sta");
  await page.getByLabel("Until", { exact: true }).press("Enter");
  await page.getByLabel("Until", { exact: true }).pressSequentially(" == 200");
  await page.getByLabel("Asks again every", { exact: true }).fill("30");
  await expect(findings(page)).toContainText("Nothing to mend");
  await select(page, "Each");
  await page.getByLabel("List", { exact: true }).fill("a\nb");
  await page.getByLabel("Items at once").fill("2");
  await page.getByLabel("Go on when an item fails").check();
  await select(page, "Outside");
  await page.getByLabel("What is to be done").fill("Please");
  await page.getByLabel("Name of a new field").fill("more");
  await page.getByLabel("Name of a new field").press("Enter");
  await page.getByLabel("more", { exact: true }).fill("5");
  const { steps } = await kept(page, request, draft);
  expect(steps).toMatchObject([
    { tool: "http.request", until: "result.status == 200", every_ms: 30_000 },
    { over: ["a", "b"], max_parallel: 2, on_item_error: "continue" },
    { message: "Please", with: { what: "this", more: 5 } },
  ]);
  expect((steps as Json[])[0]).not.toHaveProperty("for_ms");
});

test("the workflow itself is written whole: inputs, limits, variables", async ({ page, request }) => {
  const draft = await edit(page, request, { steps: [noop] });
  await page.getByLabel("Name of a new input").fill("size");
  await page.getByLabel("Name of a new input").press("Enter");
  await page.getByLabel("Kind").selectOption("One of several");
  await page.getByLabel("Choices").fill("small, as usual\nlarge");
  await page.getByLabel("Begins as (optional)").fill("large");
  await page.getByLabel("Name of a new input").fill("where");
  await page.getByRole("button", { name: "Add a field" }).first().click();
  await page.getByRole("button", { name: "Move up where" }).click();
  await page.getByText("Limits", { exact: true }).click();
  await page.getByLabel("Time for a run", { exact: true }).fill("2");
  await page.getByLabel("Unit of Time for a run").selectOption("hours");
  await page.getByLabel("Runs at once").fill("1");
  await page.getByLabel("How For the same key (optional) is given").selectOption("From before");
  const key = page.getByRole("combobox", { name: "For the same key (optional)", exact: true });
  await key.fill("siz");
  await key.press("ArrowDown");
  await key.press("Enter");
  await page.getByText("Variables and address").click();
  const variables = page.getByRole("group", { name: "Variables" });
  await variables.getByLabel("Name of a new field").fill("price");
  await variables.getByLabel("Name of a new field").press("Enter");
  await variables.getByLabel("price", { exact: true }).fill("$5");
  const document = await kept(page, request, draft);
  expect(document).toMatchObject({
    inputs: { properties: { size: { enum: ["small, as usual", "large"], default: "large" } } },
    timeout_ms: 7_200_000,
    concurrency: { max: 1, key: "$input.size" },
    variables: { price: "$5" },
  });
  expect(Object.keys((document.inputs as { properties: Json }).properties)).toEqual(["where", "size"]);
  await expect(findings(page)).toContainText("Nothing to mend");
});

test("ways are drawn from either end, and a step is called otherwise with all who read it", async ({ page, request }) => {
  const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?" };
  const other = { ...noop, id: "other", name: "Other" };
  const third = { ...noop, id: "third", name: "Third", with: { value: "$noop" } };
  const draft = await edit(page, request, {
    steps: [noop, ask, other, third],
    edges: [{ from: "noop", to: "ask" }, { from: "noop", to: "third" }, { from: "noop", to: "other" }],
  });
  await select(page, "Third");
  await expect(panel(page)).toContainText("Begins after Nothing.");
  // Looking through the steps draws nothing.
  await page.getByLabel("Comes also after").selectOption("Ask");
  await expect(panel(page)).toContainText("Begins after Nothing.");
  await page.getByRole("button", { name: "Connect from that step" }).click();
  await expect(panel(page)).toContainText("Begins when all of these have succeeded: Nothing and Ask.");
  await select(page, "Ask");
  await page.getByLabel("When it is rejected").selectOption("Other");
  await select(page, "Nothing");
  await page.getByText("Id and description").click();
  const id = page.getByLabel("Id", { exact: true });
  await id.fill("third");
  await id.press("Enter");
  await expect(panel(page).locator(".field-invalid")).toContainText("There is a step third already.");
  await id.fill("first");
  await id.press("Enter");
  await expect(findings(page)).toContainText("Nothing to mend");
  const { steps, edges } = (await kept(page, request, draft)) as { steps: Json[]; edges: Json[] };
  expect(steps[3].with).toEqual({ value: "$first" });
  expect(edges).toEqual([
    { from: "first", to: "ask" },
    { from: "first", to: "third" },
    { from: "first", to: "other" },
    { from: "ask", to: "third" },
    { from: "ask", to: "other", on: "rejected" },
  ]);
  // The way itself: where it cannot lead is not offered, and where it can it goes with all it has.
  await page.getByRole("button", { name: "Way from Nothing to Third" }).click();
  await page.getByLabel("Label (optional)").fill("on");
  const to = page.getByLabel("To", { exact: true });
  await expect(to).toHaveValue("third");
  await expect(to.getByRole("option")).toHaveText(["Choose a step", "Third"]);
  await page.getByRole("button", { name: "Way from Nothing to Other" }).click();
  await page.getByRole("button", { name: "Remove this way" }).click();
  await page.getByRole("button", { name: "Way from Nothing to Third" }).click();
  await to.selectOption("Other");
  await expect(to).toHaveValue("other");
  await expect(to.getByRole("option")).toHaveText(["Choose a step", "Other", "Third"]);
  await expect(page.getByRole("button", { name: "Way from Nothing to Other" })).toBeVisible();
  await expect(page.getByLabel("Label (optional)")).toHaveValue("on");
});

test("steps are dragged onto the picture, between two others, and up and down the list", async ({ page, request }) => {
  const other = { ...noop, id: "other", name: "Other" };
  // The palette and the picture are both seen, so that nothing has to be scrolled in the middle of a drag.
  await page.setViewportSize({ width: 1_280, height: 1_400 });
  const draft = await edit(page, request, { steps: [noop, other], edges: [{ from: "noop", to: "other", label: "on" }] });
  const picture = page.locator(".picture");
  await expect(picture.locator(".picture-step")).toHaveCount(2);
  await page.getByText("Drag onto the picture").click();
  const chip = page.locator(".chip").filter({ hasText: "A question to a person" });
  // Onto the way: between its ends.
  const box = (await picture.boundingBox())!;
  const at = async (selector: string) => {
    const place = (await picture.locator(selector).first().boundingBox())!;
    return { x: place.x + place.width / 2 - box.x, y: place.y + place.height / 2 - box.y };
  };
  await chip.dragTo(picture, { targetPosition: await at(".picture-way .picture-line") });
  await expect(picture.locator(".picture-step")).toHaveCount(3);
  await expect(panel(page).getByRole("heading", { level: 2 })).toContainText("gate");
  // Onto the ground: connected with nothing.
  await chip.dragTo(picture, { targetPosition: { x: 8, y: box.height / 2 } });
  await expect(page.locator(".outline-step")).toHaveCount(4);
  let { steps, edges } = (await kept(page, request, draft)) as { steps: Json[]; edges: Json[] };
  expect(edges).toEqual([{ from: "noop", to: "ask", label: "on" }, { from: "ask", to: "other" }]);
  // In the list: with the mouse, with buttons.
  const lines = page.locator(".outline-line");
  const names = () => page.locator(".outline-step > span:first-child").allTextContents();
  const before = await names();
  await lines.nth(0).dragTo(lines.nth(2));
  await expect.poll(names).toEqual([before[1], before[2], before[0], before[3]]);
  await select(page, before[0]);
  await page.getByRole("button", { name: `Move ${before[0]} up` }).click();
  await expect.poll(names).toEqual([before[1], before[0], before[2], before[3]]);
  ({ steps } = (await kept(page, request, draft)) as { steps: Json[]; edges: Json[] });
  expect(steps.map(({ id }) => id)).toEqual(["ask", "noop", "other", "ask_2"]);
});

test("the picture shows what is added, and what is chosen in the list", async ({ page, request }) => {
  const steps = Array.from({ length: 2 }, (_, at) => ({ ...noop, id: `s${at}`, name: `Step ${at}` }));
  const edges = steps.slice(1).map(({ id }, at) => ({ from: `s${at}`, to: id }));
  await edit(page, request, { steps, edges });
  const picture = page.locator(".picture");
  const shows = async (name: string) => {
    const frame = (await picture.boundingBox())!;
    const step = await picture.locator(".picture-step").filter({ hasText: name }).boundingBox({ timeout: 1_000 }).catch(() => null);
    return !!step && step.y >= frame.y && step.y + step.height <= frame.y + frame.height;
  };
  await select(page, "Step 1");
  for (let added = 0; added < 3; added++) {
    await page.getByLabel("Add a step").selectOption("util.noop");
    await page.getByRole("button", { name: "Add after" }).click();
    await expect(page.locator(".outline-step")).toHaveCount(3 + added);
  }
  const last = "Util noop 3";
  await expect.poll(() => shows(last)).toBe(true);
  await expect.poll(() => shows("Step 0")).toBe(true);
  // Somebody looks nearer at the beginning: now it stays where it is, until something else is chosen.
  for (let nearer = 0; nearer < 5; nearer++) await page.getByRole("button", { name: "Larger" }).click();
  await select(page, "Step 0");
  await expect.poll(() => shows("Step 0")).toBe(true);
  expect(await shows(last)).toBe(false);
  await select(page, last);
  await expect.poll(() => shows(last)).toBe(true);
});

test("a long workflow has a map of its picture, and only what is seen is drawn", async ({ page, request }) => {
  const steps = Array.from({ length: 120 }, (_, at) => ({ ...noop, id: `s${at}`, name: `Step ${at}` }));
  const edges = steps.slice(1).map(({ id }, at) => ({ from: `s${at}`, to: id }));
  await edit(page, request, { steps, edges });
  await expect(page.locator(".outline-step")).toHaveCount(120);
  await expect(page.locator(".picture-far-steps").first()).toBeVisible();
  await expect(page.locator(".picture-step")).toHaveCount(0);
  const larger = page.getByRole("button", { name: "Larger" });
  while ((await page.locator(".picture-step").count()) === 0) await larger.click();
  expect(await page.locator(".picture-step").count()).toBeLessThan(60);
  const map = page.locator(".picture-map");
  const box = (await map.boundingBox())!;
  await map.click({ position: { x: box.width / 2, y: box.height - 3 } });
  await expect(page.locator(".picture-name").filter({ hasText: "Step 119" })).toBeVisible();
  await page.locator(".picture-name").filter({ hasText: "Step 119" }).click();
  await expect(panel(page).getByRole("heading", { level: 2 })).toContainText("Step 119");
});

for (const width of [360, 1_280]) {
  test(`every form is accessible at ${width} px`, async ({ page, request }) => {
    await page.setViewportSize({ width, height: 900 });
    const body = { steps: [{ ...noop, id: "inner", name: "Inner" }] };
    const approval = { message: "Really?", timeout_ms: "never" };
    const retry = { max_attempts: 3 };
    await edit(page, request, {
      inputs: { type: "object", properties: { hosts: { type: "array", items: { type: "string" } }, odd: { type: "object" } } },
      variables: { region: "eu" },
      concurrency: { max: 2, key: "$input.odd" },
      steps: [
        { ...fetch, approval, retry, compensate: { tool: "util.noop", with: {} }, concurrency: { max: 1 } },
        { id: "ask", name: "Ask", kind: "human_gate", message: "Well?", show: ["$fetch.status"] },
        { id: "each", name: "Each", kind: "map", over: "$input.hosts", body },
        { id: "set", name: "Set", kind: "transform", set: { a: "$fetch.status", b: "=1 + 1" } },
        { id: "pause", name: "Pause", kind: "wait", for_ms: 60_000 },
        { id: "outside", name: "Outside", kind: "external", message: "Please" },
      ],
      edges: [
        { from: "fetch", to: "ask" },
        { from: "ask", to: "each", label: "on" },
        { from: "fetch", to: "set" },
        { from: "each", to: "pause" },
        { from: "pause", to: "outside" },
      ],
    });
    await page.getByText("Limits", { exact: true }).click();
    await page.getByText("Variables and address").click();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    for (const name of ["Fetch", "Ask", "Each", "Set", "Pause", "Outside"]) {
      await select(page, name);
      await panel(page).evaluate((form) => form.querySelectorAll("details").forEach((more) => (more.open = true)));
      if (name === "Set") {
        await panel(page).getByRole("combobox", { name: "a", exact: true }).press("ArrowDown");
        await expect(page.getByRole("listbox")).toBeVisible();
      }
      await expectAccessible(page);
      await expectNoSidewaysScroll(page);
    }
    await page.getByRole("button", { name: "Way from Ask to Each" }).click();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
  });
}

test("what belongs together stays together while a form is filled", async ({ page, request }) => {
  const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?", show: ["=1 == 1 &&\n  2 == 2", "$fetch.status"] };
  const more = ["one", "two", "three"].map((id) => ({ ...noop, id, name: `Step ${id}` }));
  const draft = await edit(page, request, {
    inputs: { type: "object", properties: { host: { type: "string", description: "One\nTwo" } } },
    steps: [fetch, ask, ...more],
    edges: [["fetch", "ask"], ["ask", "one"], ["one", "two"], ["two", "three"]].map(([from, to]) => ({ from, to })),
  });
  // Line breaks, a schema that comes to be of another kind while it is typed, and a name that is there.
  const help = page.getByLabel("Help (optional)");
  await expect(help).toHaveValue("One\nTwo");
  await help.press("Control+End");
  await help.pressSequentially(" and three");
  // What the small editor has no field for is written into the schema, which nobody changes by looking at it.
  const kind = page.getByLabel("Kind");
  await kind.selectOption("Something else (JSON Schema)");
  const schema = page.getByLabel("JSON Schema", { exact: true });
  await expect(schema).toHaveValue(/"type": "string"/);
  await schema.fill('{ "type": "array" }');
  await schema.blur();
  await expect(kind).toHaveValue("other");
  await schema.fill('{ "type": "string", "description": "One\\nTwo", "pattern": "^[a-z]" }');
  await expect(schema).toBeFocused();
  await kind.selectOption("Text");
  await expect(schema).toHaveCount(0);
  await page.getByLabel("Name of a new input").fill("host");
  await page.getByLabel("Name of a new input").press("Enter");
  await expect(page.locator(".inputs-editor")).toContainText("There is one of that name already.");
  // Number and companions, and a choice by keys alone.
  await select(page, "Fetch");
  await page.getByText("When it fails", { exact: true }).click();
  const tries = page.getByLabel("Tries in all", { exact: true });
  await tries.fill("4");
  await page.getByLabel("First pause", { exact: true }).fill("2");
  await tries.fill("");
  await tries.fill("5");
  await expect(page.getByLabel("First pause", { exact: true })).toHaveValue("2");
  const instead = page.getByLabel("Instead, go on with");
  for (const value of ["one", "two", "three"]) {
    await instead.press("ArrowDown");
    await expect(instead).toHaveValue(value);
  }
  await instead.press("ArrowUp");
  await expect(instead).toHaveValue("two");
  await expect(panel(page).getByRole("heading", { level: 2 })).toContainText("Fetch");
  await select(page, "Ask");
  const shown = page.getByLabel("What is shown", { exact: true });
  await shown.press("Control+End");
  await shown.pressSequentially("\nfetch.body");
  const { inputs, steps, edges } = (await kept(page, request, draft)) as { inputs: Json; steps: Json[]; edges: Json[] };
  expect(inputs).toMatchObject({ properties: { host: { type: "string", description: "One\nTwo", pattern: "^[a-z]" } } });
  expect(steps[0]).toMatchObject({ retry: { max_attempts: 5, base_ms: 2_000 } });
  expect(steps[1].show).toEqual(["=1 == 1 &&\n  2 == 2", "$fetch.status", "$fetch.body"]);
  expect(edges).toContainEqual({ from: "fetch", to: "two", on: "failed" });
  expect(edges).toHaveLength(5);
});
