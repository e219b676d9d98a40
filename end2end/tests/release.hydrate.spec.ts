// The release check, from nothing: built, mended, rehearsed, published, run, changed while a run of it waits, and finished.
// Nothing here uses the API. Once with a pointer, once with the keyboard alone.

import { type Locator, type Page, expect, expectAccessible, open, test } from "../support/fixtures";
import { type Hand, Keyboard, Pointer } from "../support/hand";
import { Endpoint } from "../support/world";

const button = (page: Page, name: string | RegExp): Locator => page.getByRole("button", { name, exact: true });
const field = (page: Page, name: string): Locator =>
  page.locator(".builder-panel").getByLabel(name, { exact: true });
const findings = (page: Page): Locator => page.locator(".findings");
const line = (page: Page, name: string): Locator =>
  page.locator(".outline-step").filter({ has: page.getByText(name, { exact: true }) });
const row = (page: Page, name: string): Locator =>
  page.locator(".rehearsal-run .step").filter({ has: page.getByRole("heading", { name, exact: true }) });
const ended = (page: Page): Locator => page.locator(".run-status").getByText("Completed", { exact: true });

/** Somebody who makes a release check. */
class Author {
  constructor(
    private readonly page: Page,
    private readonly hand: Hand,
    /** Where the things that are checked answer. */
    private readonly world: string,
  ) {}

  async release(name: string): Promise<void> {
    const { page, hand } = this;
    await open(page, "/workflows");
    await hand.press(page.getByRole("link", { name: "New workflow" }).first());
    await this.build(name);
    await this.mend();
    await this.rehearse();
    const [workflow, run] = await this.publishAndRun();
    await this.change(workflow);
    await this.finish(run);
    await this.lookBack(workflow);
  }

  /** Adds a step by the words of the list, gives it its name, by which others read it, and leaves its form open. */
  private async add(what: string, how: string, name: string): Promise<void> {
    const { page, hand } = this;
    await hand.choose(page.getByLabel("Add a step"), what);
    await hand.press(button(page, how));
    await hand.fill(field(page, "Name"), name);
    await expect(line(page, name)).toHaveCount(1);
  }

  private async leadOn(from: string, to: string): Promise<void> {
    const { page, hand } = this;
    await hand.press(line(page, from));
    await hand.choose(page.getByLabel("Leads on to"), to);
    await hand.press(button(page, "Connect to that step"));
    await expect(button(page, `Way from ${from} to ${to}`)).toBeVisible();
  }

  /** Three checks at once that come together, and a condition on what they found. */
  private async build(name: string): Promise<void> {
    const { page, hand } = this;
    await hand.fill(field(page, "Name"), name);
    await this.add("Several at once", "Add", "Checks");
    for (const [check, how] of [
      ["Tests", "Add after"],
      ["Lint", "Add beside what follows"],
      ["Build", "Add beside what follows"],
    ] as const) {
      await hand.press(line(page, "Checks"));
      await this.add("http.request", how, check);
      await hand.fill(field(page, "Address"), `${this.world}/${check.toLowerCase()}`);
    }
    await hand.press(line(page, "Tests"));
    await this.add("Come together", "Add after", "All in");
    await this.leadOn("Lint", "All in");
    await this.leadOn("Build", "All in");
    await hand.press(line(page, "All in"));
    await this.add("A condition", "Add after", "Green?");
  }

  /** The mistakes that people make on the way, each mended by what is offered. */
  private async mend(): Promise<void> {
    const { page, hand } = this;
    await hand.fill(field(page, "Condition"), "test.status == 200");
    await expect(page.locator(".field-invalid")).toContainText("test");
    await hand.press(findings(page).getByRole("button", { name: /tests/ }).last());
    await expect(field(page, "Condition")).toHaveValue("tests.status == 200");

    await this.add("A question to a person", "Add after", "Release?");
    await hand.fill(field(page, "Question"), "Shall this be released?");
    await hand.fill(field(page, "What is shown"), "lint.statu");
    await expect(page.locator(".field-invalid")).toContainText("statu");
    // The same is offered where it stands, once the names that are offered are out of the way.
    await field(page, "What is shown").blur();
    await hand.press(page.locator(".field-invalid").getByRole("button", { name: /status/ }));
    await expect(field(page, "What is shown")).toHaveValue("lint.status");
    await expect(field(page, "What is shown")).toBeFocused();

    await hand.press(line(page, "Green?"));
    await this.add("http.request", "Add after", "Tell");
    await hand.fill(field(page, "Address"), `${this.world}/tell`);
    await this.leadOn("Release?", "Tell");
    // What is added behind a condition takes its branches, one after the other; here they change places and back.
    await hand.press(line(page, "Green?"));
    const yes = field(page, "When it is true, go to").locator("option:checked");
    for (const step of ["Tell", "Release?"]) {
      await hand.press(button(page, "Exchange the two"));
      await expect(yes).toHaveText(step);
    }
    // One that nobody sees at first: both ways lead straight to one step, which would wait for ever.
    await expect(findings(page)).toContainText("can never run");
    await hand.press(findings(page).getByRole("button", { name: /Join the ways first/ }));
    await expect(findings(page)).toContainText("Nothing to mend");
  }

  /** Both branches; the first is kept as a test case, which holds. */
  private async rehearse(): Promise<void> {
    const { page, hand } = this;
    await hand.press(button(page, "Rehearse"));
    await hand.press(button(page, "Begin"));
    await this.tell("Tests", '{ "status": 200 }');
    await hand.press(button(page, "Let all tools answer"));
    await expect(row(page, "Release?").getByText("Shall this be released?")).toBeVisible();
    await expectAccessible(page);
    await hand.fill(row(page, "Release?").getByLabel("By"), "ann");
    await hand.press(row(page, "Release?").getByRole("button", { name: "Say it" }));
    await expect(ended(page)).toBeVisible();
    await expect(row(page, "Release?")).toContainText("Approved by ann");
    await expect(row(page, "Green?")).toContainText("True: on to “Release?”.");
    await hand.fill(page.getByLabel("Name of the test case"), "green and released");
    await hand.press(button(page, "Keep as a test case"));
    await expect(page.locator(".case")).toContainText("holds");

    // The other branch: what was said is taken back, and something else is said.
    for (let moves = 0; moves < 3; moves++) {
      await hand.press(button(page, "Take back"));
    }
    // An answer that a real call would fail with fails here too.
    await expect(row(page, "Tests")).toContainText("With a status outside of 200-299 the call fails.");
    await this.tell("Tests", '{ "status": 500 }', "Failed");
    await hand.press(button(page, "Take back"));
    await this.tell("Tests", '{ "status": 204 }');
    await hand.press(button(page, "Let all tools answer"));
    await expect(ended(page)).toBeVisible();
    await expect(row(page, "Release?")).toContainText("Skipped");
    await expect(row(page, "Green?")).toContainText("Not true: on to");
    await expect(row(page, "Tell")).toContainText("Completed");
    await hand.press(button(page, "Write"));
  }

  private async tell(step: string, output: string, then = "Completed"): Promise<void> {
    const { page, hand } = this;
    await hand.fill(row(page, step).getByLabel("Output (JSON)"), output);
    await hand.press(row(page, step).getByRole("button", { name: "Say it" }));
    await expect(row(page, step).getByText(then, { exact: true })).toBeVisible();
  }

  /** The addresses of the workflow and of a run of it, which waits at its gate. */
  private async publishAndRun(): Promise<[string, string]> {
    const { page, hand } = this;
    await expect(page.getByText("Saved", { exact: true })).toBeVisible();
    await hand.press(page.getByText("Publish…"));
    await hand.press(button(page, "Publish"));
    await expect(page).toHaveURL(/\/workflows\/release-check/);
    await expect(page.getByText("Version 1 is published.")).toBeVisible();
    const workflow = page.url();
    await hand.press(button(page, "Start"));
    await expect(page.getByText("Shall this be released?")).toBeVisible();
    return [workflow, page.url()];
  }

  /** Version 2, while the run of version 1 waits. */
  private async change(workflow: string): Promise<void> {
    const { page, hand } = this;
    await open(page, workflow);
    await hand.press(page.getByRole("link", { name: "Edit" }).first());
    await hand.press(line(page, "Green?"));
    await hand.fill(field(page, "Condition"), "tests.status == 204");
    await expect(findings(page)).toContainText("Nothing to mend");
    await hand.press(button(page, "Compare"));
    await expect(page.locator(".changes")).toContainText("204");
    await expect(page.getByText("One run is under way. It stays on its version.")).toBeVisible();
    await expect(page.locator(".study-summary")).toContainText("1 would ask people other questions");
    await expect(page.locator(".outcomes")).toContainText("does not ask at Release? any more");
    await expect(page.locator(".drawn-changed")).toHaveCount(2);
    await expectAccessible(page);
    await hand.press(page.getByText("Publish…"));
    await hand.fill(page.getByLabel("What has changed (optional)"), "Only 204 counts");
    await hand.press(button(page, "Publish as a new version"));
    await expect(page).toHaveURL(workflow);
  }

  private async finish(run: string): Promise<void> {
    const { page, hand } = this;
    await open(page, run);
    await expect(page.getByText("version 1")).toBeVisible();
    await hand.press(button(page, "Approve"));
    await expect(ended(page)).toBeVisible();
  }

  private async lookBack(workflow: string): Promise<void> {
    const { page, hand } = this;
    await open(page, workflow);
    await hand.press(page.getByRole("link", { name: "Versions" }).first());
    const newest = page.locator(".version").first();
    await expect(newest).toContainText("Only 204 counts");
    await expect(page.locator(".changes")).toContainText("204");
    await expectAccessible(page);
    await hand.press(button(page, "Restore version 1"));
    await expect(newest).toContainText("Version 1 restored.");
  }
}

for (const way of ["with a pointer", "with the keyboard alone"] as const) {
  test(`the release check is built, rehearsed, published, changed and finished ${way}`, async ({ page }) => {
    // Hundreds of steps of the Tab key, each of which the browser answers in its own time.
    if (way === "with the keyboard alone") test.slow();
    const world = await Endpoint.start();
    const hand = way === "with a pointer" ? new Pointer() : new Keyboard(page);
    const { project, repeatEachIndex } = test.info();
    const author = new Author(page, hand, world.url);
    await author.release(`Release check ${project.name} ${repeatEachIndex} ${way}`);
    world.stop();
  });
}
