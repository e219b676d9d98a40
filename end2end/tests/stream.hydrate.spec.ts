// The wire between page and server is cut for twenty seconds of a run: the page says so, and afterwards shows exactly
// what happened, nothing missing and nothing twice.

import { type Page, chromium } from "@playwright/test";
import { collectComplaints, expect, hydrated, test } from "../support/fixtures";
import { runStatus } from "../support/health-check";
import { Endpoint, Wire } from "../support/world";

const STEPS = 30;
const STEP_MS = 1_000;
const CUT_MS = 20_000;

function slowWorkflow(endpoint: Endpoint) {
  const ids = Array.from({ length: STEPS }, (_, at) => `step_${at}`);
  const call = (id: string) => ({
    id,
    kind: "tool_call",
    tool: "http.request",
    with: { url: `${endpoint.url}/slow/${STEP_MS}/${id}`, method: "GET" },
  });
  return {
    name: "Slow",
    steps: ids.map(call),
    edges: ids.slice(1).map((to, at) => ({ from: ids[at], to })),
  };
}

/** Every event that reached the page, by the stream or by a poll, in the order of arrival. */
function collectEvents(page: Page): number[] {
  const seen: number[] = [];
  page.on("websocket", (socket) =>
    socket.on("framereceived", ({ payload }) => {
      const message = JSON.parse(payload.toString());
      if (message.type === "events") seen.push(...message.events.map((event: { seq: number }) => event.seq));
    }),
  );
  page.on("response", async (response) => {
    if (!response.url().includes("/events?after=")) return;
    const { items } = await response.json().catch(() => ({ items: [] }));
    seen.push(...items.map((event: { seq: number }) => event.seq));
  });
  return seen;
}

test("a page whose stream is cut for twenty seconds misses nothing", async ({ signalbox, request }) => {
  test.setTimeout(120_000);
  const [endpoint, wire] = [await Endpoint.start(), await Wire.start()];
  const { executablePath, args } = test.info().project.use.launchOptions!;
  const browser = await chromium.launch({
    executablePath,
    args,
    proxy: { server: wire.address, bypass: "<-loopback>" },
  });
  try {
    const made = await request.post("/api/v1/workflows", { data: slowWorkflow(endpoint) });
    expect(made.status(), await made.text()).toBe(201);
    const started = await request.post("/api/v1/runs", { data: { workflow: (await made.json()).slug, input: {} } });
    const { run_id: id } = await started.json();

    const page = await browser.newPage();
    const complaints = collectComplaints(page, true);
    const seen = collectEvents(page);
    await page.goto(`${signalbox.url}/runs/${id}`);
    await hydrated(page);
    const first = Number(/(\d+) events in the log/.exec(await page.locator("main").innerText())![1]);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    const percent = page.getByRole("main").getByRole("progressbar", { name: "Progress of the run" });
    const before = Number(await percent.getAttribute("value"));

    wire.cut();
    await expect(page.getByText("Reconnecting…")).toBeVisible();
    await new Promise((resolve) => setTimeout(resolve, CUT_MS));
    expect(Number(await percent.getAttribute("value")), "the page guessed").toBeLessThan(before + 20);
    wire.mend();

    await expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 30_000 });
    await expect(runStatus(page)).toContainText("Completed", { timeout: 40_000 });
    // What the page folded out of the pieces is what the server says of the whole.
    const told = await page.locator(".steps").innerText();
    for (const summary of await page.locator(".step-more > summary").all()) await summary.click();
    await expect(page.locator(".attempts > li")).toHaveCount(STEPS);
    const attempts = await page.locator(".attempts > li").allTextContents();
    const { items } = await (await request.get(`/api/v1/runs/${id}/events`)).json();
    const last = items.at(-1).seq;
    await expect(page.getByText(`${last} events in the log`)).toBeVisible();
    const news = [...new Set(seen.filter((seq) => seq > first))].sort((a, b) => a - b);
    expect(news).toEqual(Array.from({ length: last - first }, (_, at) => first + 1 + at));

    // The cut itself is told in the console, by the browser.
    expect(complaints.filter((complaint) => !/ERR_|WebSocket/.test(complaint))).toEqual([]);
    await page.reload();
    await hydrated(page);
    expect(await page.locator(".steps").innerText()).toBe(told);
  } finally {
    await browser.close();
    wire.stop();
    endpoint.stop();
  }
});
