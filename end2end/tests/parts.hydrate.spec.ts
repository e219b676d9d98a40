// The client comes in parts: what a visit costs, and what happens when a part does not come.

import { type Page, expect, hydrated, leave, open, test } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

/** A part comes as one file, its pack, or as those of its files that are not here yet: one of them is its alone. */
const PARTS = "**/pkg/{part_*.pack,split_*.wasm}";
/** Before a page is live: what every page needs, and the pack of its part. */
const FILES_MAX = 2;

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
  "/": 275_000,
  "/runs": 375_000,
  "/approvals": 375_000,
  "/workflows": 435_000,
  "/workflows/system-health-check": 435_000,
  "/workflows/new": 830_000,
};
const BUDGET_OF_A_RUN = 485_000;

test("what a first visit costs stays within its budget", async ({ page, request }) => {
  // A server without runs: none is shown beside what a page is there for.
  const signalbox = await Signalbox.start();
  const started = async () => {
    const workflow = { name: "Looked at", steps: [{ id: "ask", kind: "human_gate", name: "Is it small?" }] };
    const { slug } = await (await request.post(`${signalbox.url}/api/v1/workflows`, { data: workflow })).json();
    const run = await request.post(`${signalbox.url}/api/v1/runs`, { data: { workflow: slug } });
    return `/runs/${(await run.json()).run_id}`;
  };
  try {
    const addresses = [...Object.entries(BUDGETS), [null, BUDGET_OF_A_RUN] as const];
    for (const [known, budget] of addresses) {
      const address = known ?? (await started());
      await page.goto(signalbox.url + address, { waitUntil: "networkidle" });
      await hydrated(page);
      const files = [...(await fetched(page))];
      const client = files.filter(([path]) => /\.(wasm|pack)$/.test(path) && !path.includes("workbench"));
      const bytes = client.reduce((sum, [, bytes]) => sum + bytes, 0);
      console.log(`${address}: ${Math.ceil(bytes / 1000)} kB in ${client.length} files`);
      expect(bytes, address).toBeGreaterThan(100_000);
      expect(bytes, address).toBeLessThanOrEqual(budget);
      expect(client.length, address).toBeLessThanOrEqual(FILES_MAX);
    }
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
