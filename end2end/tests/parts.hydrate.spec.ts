// The client comes in parts: what a visit costs, and what happens when a part does not come.

import { type APIRequestContext, type Page, expect, hydrated, leave, open, test } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

/** A part comes as one file, its pack, or as those of its files that are not here yet: one of them is its alone. */
const PARTS = "**/pkg/{part_*.pack,split_*.wasm}";
/** Before a page is live: what every page needs, the pack of its part, and that of what it asks of a person. */
const FILES_MAX = 2;
const FILES_OF_A_QUESTION = 1;

/** Whether the part is among what was fetched. */
function holds(names: string[], part: string): boolean {
  return names.includes(`part_${part}`) || names.includes(`split_${part}`);
}

/** The files that the page has fetched so far, with the bytes that were sent of each. */
async function fetched(page: Page): Promise<Map<string, number>> {
  const entries = await page.evaluate(() =>
    performance.getEntriesByType("resource").map((entry) => {
      const { name, encodedBodySize } = entry as PerformanceResourceTiming;
      return [new URL(name).pathname, encodedBodySize] as const;
    }),
  );
  return new Map(entries.filter(([path]) => path.startsWith("/pkg/")));
}

/** The most that may be sent of the client's WASM before a page is live, in bytes. */
const BUDGETS = {
  "/": 250_000,
  "/runs": 340_000,
  "/approvals": 340_000,
  "/workflows": 400_000,
  "/workflows/system-health-check": 400_000,
  "/workflows/new": 750_000,
};
const BUDGET_OF_A_RUN = 405_000;
const BUDGET_OF_A_RUN_THAT_ASKS = 435_000;

test("what a first visit costs stays within its budget", async ({ page, request }) => {
  // A server without runs: none is shown beside what a page is there for.
  const signalbox = await Signalbox.start();
  const visited = async (address: string, budget: number, files: number) => {
    await page.goto(signalbox.url + address, { waitUntil: "networkidle" });
    await hydrated(page);
    const client = [...(await fetched(page))].filter(([path]) => /\.(wasm|pack)$/.test(path) && !path.includes("workbench"));
    const bytes = client.reduce((sum, [, bytes]) => sum + bytes, 0);
    console.log(`${address}: ${Math.ceil(bytes / 1000)} kB in ${client.length} files`);
    expect(bytes, address).toBeGreaterThan(100_000);
    expect(bytes, address).toBeLessThanOrEqual(budget);
    expect(client.length, address).toBeLessThanOrEqual(files);
  };
  try {
    for (const [address, budget] of Object.entries(BUDGETS)) await visited(address, budget, FILES_MAX);
    const made = await runOf(request, signalbox, "Made", { id: "make", kind: "transform", set: { made: "here" } });
    await until(request, signalbox, made, "completed");
    await visited(made, BUDGET_OF_A_RUN, FILES_MAX);
    const asks = await runOf(request, signalbox, "Asks", { id: "ask", kind: "human_gate", name: "Is it small?" });
    await until(request, signalbox, asks, "waiting");
    await visited(asks, BUDGET_OF_A_RUN_THAT_ASKS, FILES_MAX + FILES_OF_A_QUESTION);
  } finally {
    await leave(page, signalbox);
  }
});

test("a page fetches the parts it is drawn with, and the next page those it lacks", async ({ page }) => {
  await open(page, "/");
  const names = async () => [...(await fetched(page)).keys()].map((path) => path.replace(/.*\/|\..*/g, ""));
  expect(holds(await names(), "home")).toBe(true);
  expect(holds(await names(), "workflows")).toBe(false);
  expect(holds(await names(), "builder")).toBe(false);
  expect(await names()).not.toContain("workbench");
  await page.evaluate(() => (document.documentElement.dataset.kept = ""));

  await page.getByRole("link", { name: "Workflows", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Workflows");
  expect(holds(await names(), "workflows")).toBe(true);
  expect(holds(await names(), "builder")).toBe(false);

  await page.getByRole("link", { name: "New workflow" }).first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("New workflow");
  await expect(page.getByRole("heading", { name: "2 things to mend" })).toBeVisible();
  expect(holds(await names(), "builder")).toBe(true);
  await expect(page.locator("html")).toHaveAttribute("data-kept");
});

test("a page says in advance what it is drawn with, and holds no log of the run beside it", async ({ request, signalbox }) => {
  const workflow = { name: "Beside all pages", steps: [{ id: "ask", kind: "human_gate", name: "Is it there once?" }] };
  const { slug } = await (await request.post(`${signalbox.url}/api/v1/workflows`, { data: workflow })).json();
  const started = await request.post(`${signalbox.url}/api/v1/runs`, { data: { workflow: slug } });
  const run = (await started.json()).run_id as string;
  for (const [address, part] of [["/approvals", "lists"], ["/runs?status=failed", "lists"], ["/workflows?search=x", "workflows"], ["/workflows/new?x=1#y", "builder"]]) {
    const html = await (await request.get(signalbox.url + address)).text();
    const preloads = [...html.matchAll(/<link rel="preload" href="\/pkg\/(\w+)/g)].map((match) => match[1]);
    expect(preloads, address).toContain(`part_${part}`);
    expect(html.match(/panel-title/g), address).toHaveLength(1);
    // Told by its first event.
    expect(html, address).not.toContain("run_started");
  }
  await request.post(`${signalbox.url}/api/v1/runs/${run}/cancel`);
});

test("a part that does not come says so, and comes as soon as it can", async ({ page, complaints }) => {
  await open(page, "/");
  await page.route(PARTS, (route) => route.abort());
  const main = page.getByRole("main");
  const told = main.getByRole("alert").filter({ hasText: "could not be fetched. Check" });
  await page.getByRole("link", { name: "Workflows", exact: true }).click();
  await expect(told).toBeVisible();
  await expect(page).toHaveTitle("Not loaded · Signalbox");
  // The rest of the page goes on.
  await page.getByRole("link", { name: "Home", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Home");
  await page.getByRole("link", { name: "Workflows", exact: true }).click();
  await told.getByRole("link", { name: "Try again" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-stalled");
  await expect(main.getByText("it is not live")).toBeVisible();
  await page.unroute(PARTS);
  await main.getByRole("link", { name: "Load it again" }).click();
  await hydrated(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Workflows");
  await expect(main.getByText("it is not live")).toBeHidden();
  // Without loading the page, too.
  await page.route("**/pkg/{part,split}_builder.*", (route) => route.abort());
  await main.getByRole("link", { name: "New workflow" }).first().click();
  await expect(told).toBeVisible();
  await page.unroute("**/pkg/{part,split}_builder.*");
  await page.getByRole("link", { name: "Workflows", exact: true }).click();
  await main.getByRole("link", { name: "New workflow" }).first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("New workflow");
  complaints.splice(0);
});

test("a page whose own part does not come can be read and used as it was sent", async ({ page, complaints }) => {
  await page.route(PARTS, (route) => route.abort());
  await page.goto("/workflows/system-health-check");
  await expect(page.locator("html")).toHaveAttribute("data-stalled");
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page).toHaveURL(/\/runs\//);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("System health check");
  complaints.splice(0);
});

/** The address of a new run of a workflow with this one step. */
async function runOf(request: APIRequestContext, signalbox: Signalbox, name: string, step: object): Promise<string> {
  const workflow = { name, steps: [step] };
  const { slug } = await (await request.post(`${signalbox.url}/api/v1/workflows`, { data: workflow })).json();
  const run = await request.post(`${signalbox.url}/api/v1/runs`, { data: { workflow: slug } });
  return `/runs/${(await run.json()).run_id}`;
}

/** Returns once the run stands so. */
async function until(request: APIRequestContext, signalbox: Signalbox, run: string, status: string): Promise<void> {
  const asked = async () => (await (await request.get(`${signalbox.url}/api/v1${run}`)).json()).status;
  await expect.poll(asked).toBe(status);
}

test("what is folded comes when it is opened, and is used as it was sent where it does not come", async ({ page, request, signalbox, complaints }) => {
  const ACTS = "**/pkg/{part,split}_acts.*";
  const run = await runOf(request, signalbox, "Folded", { id: "make", kind: "transform", set: { made: "here" } });
  await until(request, signalbox, run, "completed");
  const names = async () => [...(await fetched(page)).keys()].map((path) => path.replace(/.*\/|\..*/g, ""));
  await open(page, run);
  expect(holds(await names(), "acts")).toBe(false);
  await page.route(ACTS, (route) => route.abort());
  await page.getByText("Run again…").click();
  await page.getByRole("button", { name: "Run it again" }).click();
  await expect(page).not.toHaveURL(new RegExp(run));
  await expect(page).toHaveURL(/\/runs\//);
  await hydrated(page);
  // What was drawn by the client has nothing that was sent, and can be asked for again.
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await page.getByRole("main").getByRole("link", { name: "Folded" }).first().click();
  await page.getByText("Details").click();
  await expect(page.getByText("What belongs here could not be fetched.")).toBeVisible();
  await page.unroute(ACTS);
  await page.getByText("Details").click();
  await page.getByText("Details").click();
  await expect(page.getByRole("heading", { name: "Output" })).toBeVisible();
  expect(holds(await names(), "acts")).toBe(true);
  complaints.splice(0);
});

test("what somebody has begun to fill in before the page is live stays theirs", async ({ page, request, signalbox }) => {
  const run = await runOf(request, signalbox, "Begun early", { id: "ask", kind: "human_gate", name: "Is it slow?" });
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(PARTS, async (route) => {
    await released;
    await route.continue();
  });
  await page.goto(run);
  await page.getByText("Cancel run…").click();
  const why = page.getByLabel("Why cancel?");
  await why.fill("It was a try");
  release();
  await hydrated(page);
  await expect(why).toHaveValue("It was a try");
  await expect(why).toBeFocused();
  // It is told what holds now, and asked of the server without loading the page.
  await expect.poll(async () => holds([...(await fetched(page)).keys()].map((path) => path.replace(/.*\/|\..*/g, "")), "acts")).toBe(true);
  await page.evaluate(() => (document.documentElement.dataset.kept = ""));
  await expect(why).toHaveValue("It was a try");
  await expect(why).toBeFocused();
  await why.press("Enter");
  await expect(page.getByText("Cancelled by local: “It was a try”")).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-kept");
});
