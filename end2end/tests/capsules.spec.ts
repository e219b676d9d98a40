// A run as one file: saved on its page, opened on a server that has no runs, and refused when a byte of it is another.

import { readFile } from "node:fs/promises";
import { type Page, expect, expectAccessible, expectNoSidewaysScroll, leave, open, test } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

/** What looks at a page for accessibility runs in it. */
const isScripted = () => test.info().project.name === "scripted";

/** Puts the file into the form of the page. */
async function put(page: Page, name: string, buffer: Buffer): Promise<void> {
  await page.getByLabel("File", { exact: true }).setInputFiles({ name, mimeType: "application/octet-stream", buffer });
  await page.getByRole("button", { name: "Open", exact: true }).click();
}

test("a run is saved, opened where it never was, and refused when it was changed", async ({ page, request, complaints }) => {
  test.setTimeout(300_000);
  const steps = [
    { id: "write", name: "Write it down", kind: "tool_call", tool: "report.write", with: { template_text: "# Notes", file_name: "notes.md" } },
    { id: "much", name: "Much", kind: "transform", set: { text: "x".repeat(40_000) } },
    { id: "ask", name: "Ask somebody", kind: "human_gate", message: "Go on?" },
    { id: "count", name: "Count", kind: "transform", set: { number: "=int('seven')" } },
  ];
  const edges = [
    { from: "write", to: "much" },
    { from: "much", to: "ask" },
    { from: "ask", to: "count" },
  ];
  const name = `Kept ${test.info().project.name} ${test.info().repeatEachIndex}`;
  const created = await request.post("/api/v1/workflows", { data: { name, steps, edges } });
  const { slug } = await created.json();
  const { run_id } = await (await request.post("/api/v1/runs?wait=1s", { data: { workflow: slug } })).json();
  await expect(async () => {
    const { items } = await (await request.get(`/api/v1/gates?run=${run_id}`)).json();
    const [gate] = items;
    const decision = { decision: "approve", plan_hash: gate.plan_hash };
    const decided = await request.post(`/api/v1/gates/${gate.id}/decision`, { data: decision });
    expect(decided.ok(), await decided.text()).toBeTruthy();
  }).toPass();
  await expect(async () => {
    const run = await (await request.get(`/api/v1/runs/${run_id}`)).json();
    expect(run.status).toBe("failed");
  }).toPass();

  await open(page, `/runs/${run_id}`);
  const saving = page.waitForEvent("download");
  await page.getByRole("link", { name: "save the run as a capsule" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe(`${slug}-${run_id}.capsule`);
  const file = await readFile(await saved.path());

  const empty = await Signalbox.start();
  try {
    await open(page, `${empty.url}/runs`);
    await page.getByRole("link", { name: "Open a capsule…" }).click();
    await expect(page.getByText("No capsule has been opened yet.")).toBeVisible();

    // One byte in the middle of the log.
    const changed = Buffer.from(file);
    changed[changed.indexOf('"gate_decided"') + 2] ^= 1;
    await put(page, saved.suggestedFilename(), changed);
    await expect(page.getByRole("alert")).toContainText(/line \d+ has been changed since it was signed: event \d+ of the log/);
    await put(page, "notes.txt", Buffer.from("Nothing of the kind."));
    await expect(page.getByRole("alert")).toContainText("this is no capsule");
    if (isScripted()) await expectAccessible(page);
    expect((await (await request.get(`${empty.url}/api/v1/capsules`)).json()).items).toEqual([]);

    await put(page, saved.suggestedFilename(), file);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
    await expect(page).toHaveURL(/\/capsules\/[0-9a-f]+$/);
    await expect(page.locator(".run-status")).toContainText("Failed");
    await expect(page.getByText("That is not this server's key")).toBeVisible();
    await expect(page.locator('[id="step-count"]')).toContainText("Failed");
    await expect(page.locator('[id="step-ask"]')).toContainText("Approved by local");
    const much = page.locator('[id="step-much"]');
    await much.getByText("Details").first().click();
    const value = await much.getByRole("link", { name: "Open it" }).getAttribute("href");
    expect((await (await request.get(`${empty.url}${value}`)).json()).length).toBe(40_000);
    // Nothing can be done.
    await expect(page.getByRole("button", { name: /Approve|Retry|Run again|Cancel/ })).toHaveCount(0);
    const original = await request.get(`${page.url().replace("/capsules/", "/api/v1/capsules/")}/file`);
    expect(Buffer.compare(await original.body(), file)).toBe(0);
    const address = page.url();
    await expectGoodInAllViews(page, address);

    // Back to the moment at which it was asked.
    const opened = (await (await request.get(`${empty.url}/api/v1/capsules`)).json()).items[0];
    const log = (await (await request.get(`${empty.url}/api/v1/capsules/${opened.id}/events`)).json()).items;
    const asked = log.find((event: { kind: string }) => event.kind === "gate_opened");
    await open(page, `${address}?at=${asked.seq}`);
    await expect(page.locator('[id="step-ask"]')).toContainText("Go on?");
    await expect(page.locator('[id="step-count"]')).toContainText("Pending");
    await expect(page.getByRole("button", { name: "Approve" })).toHaveCount(0);

    await open(page, address);
    const taking = page.waitForEvent("download");
    await page.getByRole("link", { name: "notes.md" }).click();
    expect((await readFile(await (await taking).path())).toString()).toContain("# Notes");

    const runs = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Runs" });
    await expect(runs).toHaveAttribute("aria-current", "page");
    await open(page, `${empty.url}/capsules`);
    await expect(runs).toHaveAttribute("aria-current", "page");
    await expect(page.getByRole("link", { name })).toBeVisible();
    if (isScripted()) await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 800 });
    await expectNoSidewaysScroll(page);
    await page.getByRole("button", { name: `Remove the capsule of ${name} from here` }).click();
    await expect(page.getByText("No capsule has been opened yet.")).toBeVisible();
    // Chromium logs the wanted status of a refused file as an error.
    expect(complaints.filter((complaint) => !/ 422 /.test(complaint))).toEqual([]);
    complaints.splice(0);
  } finally {
    await leave(page, empty);
  }
});

async function expectGoodInAllViews(page: Page, address: string): Promise<void> {
  for (const view of ["steps", "graph", "timeline", "events"]) {
    await open(page, `${address}?view=${view}`);
    await expect(page.locator("main")).not.toContainText("Loading…");
    if (isScripted()) await expectAccessible(page);
  }
  await page.setViewportSize({ width: 360, height: 800 });
  for (const view of ["steps", "graph", "timeline", "events"]) {
    await open(page, `${address}?view=${view}`);
    await expectNoSidewaysScroll(page);
  }
  await page.setViewportSize({ width: 1280, height: 720 });
}

test("a capsule that could not be removed is told of, and one has a way on", async ({ page }) => {
  // As the form leads back to when the server could not.
  await open(page, "/capsules?not-removed");
  await expect(page.getByRole("alert")).toHaveText(
    "The capsule could not be removed. Try again; the server's log says why it failed.",
  );
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Capsules");
  if (isScripted()) await expectAccessible(page);
  const main = page.getByRole("navigation", { name: "Main" });
  await expect(main.getByRole("link", { name: "Runs" })).toHaveAttribute("aria-current", "page");
  await main.getByRole("link", { name: "Home" }).click();
  await expect(main.getByRole("link", { name: "Runs" })).not.toHaveAttribute("aria-current", "page");
});
