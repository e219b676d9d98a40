// The release check, from nothing: built, mended, rehearsed, published, run, changed while a run of it waits, and finished.
// Nothing here uses the API.

import { type Locator, type Page, expect, expectAccessible, open, test } from "../support/fixtures";
import { Endpoint } from "../support/world";

const findings = (page: Page): Locator => page.locator(".findings");
const line = (page: Page, name: string): Locator =>
  page.locator(".outline-step").filter({ has: page.getByText(name, { exact: true }) });
const row = (page: Page, name: string): Locator =>
  page.locator(".rehearsal-run .step").filter({ has: page.getByRole("heading", { name, exact: true }) });

/** Adds a step by the words of the list, gives it its name, and leaves its form open. */
async function add(page: Page, what: string, button: string, name: string): Promise<void> {
  await page.getByLabel("Add a step").selectOption(what);
  await page.getByRole("button", { name: button, exact: true }).click();
  await page.locator(".builder-panel").getByLabel("Name", { exact: true }).fill(name);
  await expect(line(page, name)).toHaveCount(1);
}

async function leadOn(page: Page, from: string, to: string): Promise<void> {
  await line(page, from).click();
  await page.getByLabel("Leads on to").selectOption({ label: to });
  await page.getByRole("button", { name: "Connect" }).click();
}

/** Three checks at once, then a question if they are well, and a notification either way. */
async function build(page: Page, name: string, url: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await add(page, "Several at once", "Add", "Checks");
  for (const [check, button] of [
    ["Tests", "Add after"],
    ["Lint", "Add beside what follows"],
    ["Build", "Add beside what follows"],
  ] as const) {
    await line(page, "Checks").click();
    await add(page, "http.request", button, check);
    await page.getByLabel("Address", { exact: true }).fill(`${url}/${check.toLowerCase()}`);
  }
  await line(page, "Tests").click();
  await add(page, "Come together", "Add after", "All in");
  await leadOn(page, "Lint", "All in");
  await leadOn(page, "Build", "All in");
  await line(page, "All in").click();
  await add(page, "A condition", "Add after", "Green?");
}

test("the release check: built, rehearsed, published, run, changed and finished", async ({ page }) => {
  const world = await Endpoint.start();
  const name = `Release check ${test.info().project.name} ${test.info().repeatEachIndex}`;
  await open(page, "/workflows");
  await page.getByRole("link", { name: "New workflow" }).first().click();
  await build(page, name, world.url);

  // The first mistake, and the offered way out of it.
  await page.getByLabel("Expression").fill("http_requst.status == 200");
  await expect(page.locator(".field-invalid")).toContainText("http_requst");
  await findings(page).getByRole("button", { name: /http_request/ }).last().click();
  await expect(page.getByLabel("Expression")).toHaveValue("http_request.status == 200");

  await add(page, "A question to a person", "Add after", "Release?");
  await page.getByLabel("Question").fill("Shall this be released?");
  await page.getByLabel("What is shown").fill("http_request_2.statu");
  await expect(page.locator(".field-invalid")).toContainText("statu");
  await findings(page).getByRole("button", { name: /status/ }).last().click();
  await expect(page.getByLabel("What is shown")).toHaveValue("http_request_2.status");
  await line(page, "Green?").click();
  await add(page, "http.request", "Add beside what follows", "Tell");
  await page.getByLabel("Address", { exact: true }).fill(`${world.url}/tell`);
  await leadOn(page, "Release?", "Tell");
  await page.getByRole("button", { name: "Way from Green? to Release?" }).click();
  await page.getByLabel("And only when (optional)").fill("condition.result");
  await page.getByRole("button", { name: "Way from Green? to Tell" }).click();
  await page.getByLabel("Otherwise").check();
  await expect(findings(page)).toContainText("Nothing to mend");

  await rehearse(page);
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  await page.getByText("Publish…").click();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await expect(page).toHaveURL(/\/workflows\/release-check/);
  const workflow = page.url();

  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page.getByText("Shall this be released?")).toBeVisible();
  const run = page.url();

  // Version 2, while the run of version 1 waits at its gate.
  await open(page, workflow);
  await page.getByRole("link", { name: "Edit" }).click();
  await line(page, "Green?").click();
  await page.getByLabel("Expression").fill("http_request.status == 204");
  await expect(findings(page)).toContainText("Nothing to mend");
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  await expect(page.locator(".changes")).toContainText("204");
  await expect(page.getByText("One run is under way. It stays on its version.")).toBeVisible();
  await expect(page.locator(".study-summary")).toContainText("1 would ask people other questions");
  await expect(page.locator(".outcomes")).toContainText("does not ask at Release? any more");
  await expect(page.locator(".drawn-changed")).toHaveCount(2);
  await expectAccessible(page);
  await page.getByText("Publish…").click();
  await page.getByLabel("What has changed (optional)").fill("Only 204 counts");
  await page.getByRole("button", { name: "Publish as a new version" }).click();
  await expect(page).toHaveURL(workflow);

  await open(page, run);
  await expect(page.getByText("version 1")).toBeVisible();
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.locator(".run-status").getByText("Completed", { exact: true })).toBeVisible();

  await open(page, workflow);
  await page.getByRole("link", { name: "Versions" }).click();
  await expect(page.locator(".version").first()).toContainText("Only 204 counts");
  await expect(page.locator(".changes")).toContainText("204");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Restore version 1" }).click();
  await expect(page.locator(".version").first()).toContainText("Version 1 restored.");
  world.stop();
});

/** Both branches; the first is kept as a test case, which holds. */
async function rehearse(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Rehearse", exact: true }).click();
  await page.getByRole("button", { name: "Begin", exact: true }).click();
  await tell(page, "Tests", '{ "status": 200 }');
  await page.getByRole("button", { name: "Let all tools answer" }).click();
  await expect(row(page, "Release?").getByText("Shall this be released?")).toBeVisible();
  await expectAccessible(page);
  await row(page, "Release?").getByLabel("By").fill("ann");
  await row(page, "Release?").getByRole("button", { name: "Say it" }).click();
  await expect(page.locator(".rehearsal-run .run-status").getByText("Completed", { exact: true })).toBeVisible();
  await expect(row(page, "Release?")).toContainText("Approved by ann");
  await page.getByLabel("Name of the test case").fill("green and released");
  await page.getByRole("button", { name: "Keep as a test case" }).click();
  await expect(page.locator(".case")).toContainText("holds");

  // The other branch: what was said is taken back, and something else is said.
  for (let moves = 0; moves < 3; moves++) {
    await page.getByRole("button", { name: "Take back" }).click();
  }
  await tell(page, "Tests", '{ "status": 500 }');
  await page.getByRole("button", { name: "Let all tools answer" }).click();
  await expect(page.locator(".rehearsal-run .run-status").getByText("Completed", { exact: true })).toBeVisible();
  await expect(row(page, "Release?")).toContainText("Skipped");
  await expect(row(page, "Tell")).toContainText("Completed");
}

async function tell(page: Page, step: string, output: string): Promise<void> {
  await row(page, step).getByLabel("Output (JSON)").fill(output);
  await row(page, step).getByRole("button", { name: "Say it" }).click();
  await expect(row(page, step).getByText("Completed", { exact: true })).toBeVisible();
}
