// A run of 10,000 steps as it is watched: how soon the page is there, how long an event takes to the screen, how smoothly
// lists, zoom and time answer, and what the tab needs in memory.

import { readFileSync, readdirSync } from "node:fs";
import { type Page, expect, test } from "@playwright/test";
import { hydrated } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

const ITEMS = 9_990;
/** Of the longer run: as many as a map may have, with five events to each. */
const ITEMS_LONG = 10_000;
/** With each item waiting for `WAIT_MS`, so many at a time make about 200 events a second: four to an item. */
const PARALLEL = 15;
const WAIT_MS = 300;

/** Prints a figure as soon as it is known: whatever goes wrong later does not take it along. */
function tell(what: string, value: string) {
  console.log(`${what.padEnd(42)} ${value}`);
}

const quantile = (values: number[], part: number) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
};
const ms = (value: number) => `${value.toFixed(0)} ms`;

async function startRun(signalbox: Signalbox, name: string, count: number, body: object, parallel: number): Promise<string> {
  const post = async (path: string, data: object) => {
    const answer = await fetch(`${signalbox.url}/api/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(data),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  const over = "=input.items";
  const inputs = { type: "object", properties: { items: { type: "array" } } };
  const steps = [{ id: "each", name: "Each of them", kind: "map", over, max_parallel: parallel, body }];
  const { slug } = await post("workflows", { name, inputs, steps });
  const items = Array.from({ length: count }, (_, at) => at);
  const { run_id } = await post("runs", { workflow: slug, input: { items } });
  return run_id;
}

async function summary(signalbox: Signalbox, run: string) {
  return (await fetch(`${signalbox.url}/api/v1/runs/${run}`)).json();
}

/** When each event behind `after` happened, up to `last`. */
async function timesOfEvents(signalbox: Signalbox, run: string, after: number, last: number): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  while (after < last) {
    const { items } = await (await fetch(`${signalbox.url}/api/v1/runs/${run}/events?after=${after}`)).json();
    for (const { seq, at } of items as { seq: number; at: string }[]) times.set(seq, Date.parse(at));
    after = Math.max(...times.keys());
  }
  return times;
}

/** Megabytes that the processes which draw pages have for themselves, the largest of them. */
function rendererMegabytes(): number {
  const sizes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--type=renderer")) return 0;
        const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
        return Number(/Private_Dirty:\s+(\d+)/.exec(rollup)?.[1] ?? 0) / 1024;
      } catch {
        return 0;
      }
    });
  return Math.max(0, ...sizes);
}

/** What took longer than 50 ms in the page since it was asked for last, in milliseconds. */
async function longTasks(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const kept = window as unknown as { tasks: number[] };
    const tasks = kept.tasks;
    kept.tasks = [];
    return tasks;
  });
}

async function settled(page: Page) {
  await page.waitForTimeout(500);
  await longTasks(page);
}

const longest = (tasks: number[]) => (tasks.length ? ms(Math.max(...tasks)) : "none above 50 ms");

/** Moves the slider of moments over the whole run, once for each picture, for two seconds. */
async function scrub(page: Page): Promise<{ framesPerSecond: number; slowest: number }> {
  return page.evaluate(async () => {
    const slider = document.querySelector<HTMLInputElement>(".scrubber input[type=range]")!;
    const end = Number(slider.max);
    const frames: number[] = [];
    const begun = performance.now();
    let last = begun;
    for (let at = 0; performance.now() - begun < 2_000; at = (at + 7_919) % end) {
      slider.value = String(at + 1);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push(now - last);
      last = now;
    }
    return { framesPerSecond: (frames.length * 1_000) / (last - begun), slowest: Math.max(...frames) };
  });
}

async function scrubEachView(page: Page) {
  for (const view of ["Steps", "Graph", "Timeline", "Events"]) {
    await page.getByRole("link", { name: view, exact: true }).click();
    await settled(page);
    const { framesPerSecond, slowest } = await scrub(page);
    tell(`scrubbing, ${view}`, `${framesPerSecond.toFixed(0)} frames/s, slowest ${ms(slowest)}, longest task ${longest(await longTasks(page))}`);
  }
}

/** From here on the page keeps what took long, for `longTasks`. */
async function watchTasks(page: Page) {
  await page.addInitScript(() => {
    const kept = window as unknown as { tasks: number[] };
    kept.tasks = [];
    new PerformanceObserver((list) => kept.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({
      type: "longtask",
      buffered: true,
    });
  });
}

async function finished(signalbox: Signalbox, run: string) {
  await expect.poll(async () => (await summary(signalbox, run)).finished_at ?? "", { timeout: 400_000, intervals: [2_000] }).not.toBe("");
}

/** Opens the run, waits until the client has it, and says how many events it holds. */
async function opened(page: Page, signalbox: Signalbox, run: string) {
  await page.goto(`${signalbox.url}/runs/${run}`);
  await hydrated(page);
  tell("events of the run", await page.evaluate(() => document.querySelector<HTMLInputElement>(".scrubber input")!.max));
  await settled(page);
}

test("a run of 10,000 steps", async ({ page }) => {
  const signalbox = await Signalbox.start();
  try {
    await watchTasks(page);
    const wait = { id: "wait", name: "Wait a little", kind: "wait", for_ms: WAIT_MS };
    const run = await startRun(signalbox, "Ten thousand", ITEMS, { steps: [wait] }, PARALLEL);
    await expect.poll(async () => (await summary(signalbox, run)).steps_done, { timeout: 300_000 }).toBeGreaterThan(4_000);

    const visits: number[] = [];
    const alive: number[] = [];
    for (let visit = 0; visit < 3; visit++) {
      await page.goto("about:blank");
      const begun = Date.now();
      await page.goto(`${signalbox.url}/runs/${run}`, { waitUntil: "commit" });
      await page.locator(".step").first().waitFor();
      visits.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN));
      await hydrated(page);
      alive.push(Date.now() - begun);
    }
    tell("first paint, 3 visits", visits.map(ms).join(", "));
    tell("the client has taken over", alive.map(ms).join(", "));

    // From the server's clock at the event to the picture after the one in which its number stands.
    await settled(page);
    const begun = await page.evaluate(() => Number(document.querySelector<HTMLInputElement>(".scrubber input")!.max));
    const seen = await page.evaluate(async () => {
      const slider = document.querySelector<HTMLInputElement>(".scrubber input")!;
      const seen: [number, number][] = [];
      const until = performance.now() + 10_000;
      let last = Number(slider.max);
      while (performance.now() < until) {
        await new Promise(requestAnimationFrame);
        const now = Number(slider.max);
        if (now > last) seen.push([now, Date.now()]);
        last = now;
      }
      return seen;
    });
    const whileWatching = await longTasks(page);
    const at = await timesOfEvents(signalbox, run, begun, seen.at(-1)?.[0] ?? begun);
    const delays: number[] = [];
    let from = begun;
    for (const [seq, time] of seen) {
      for (let number = from + 1; number <= seq; number++) {
        const happened = at.get(number);
        if (happened !== undefined) delays.push(time - happened);
      }
      from = seq;
    }
    tell("events a second", (delays.length / 10).toFixed(0));
    tell("from an event to the screen, p50, p95", `${ms(quantile(delays, 0.5))}, ${ms(quantile(delays, 0.95))}`);
    tell("longest task while it goes on", longest(whileWatching));
    const filters = page.getByRole("navigation", { name: "Steps by how they stand" });
    await filters.getByRole("link", { name: /Completed/ }).click();
    await page.waitForTimeout(500);
    tell("longest task while filtering", longest(await longTasks(page)));
    await filters.getByRole("link", { name: /^All/ }).click();
    await page.waitForTimeout(500);
    tell("longest task while filtering back", longest(await longTasks(page)));
    tell("memory of the tab, running", `${rendererMegabytes().toFixed(0)} MB`);

    await finished(signalbox, run);
    await opened(page, signalbox, run);
    for (let at = 0; at < 20; at++) {
      await page.mouse.wheel(0, 400);
      await page.waitForTimeout(30);
    }
    tell("longest task while scrolling", longest(await longTasks(page)));
    await page.getByRole("link", { name: "Timeline", exact: true }).click();
    await page.locator(".timeline-row").first().waitFor();
    tell("longest task opening the timeline", longest(await longTasks(page)));
    for (const zoom of ["5", "25", "100", "1"]) {
      await page.getByRole("combobox", { name: "Width" }).selectOption(zoom);
      await page.waitForTimeout(200);
    }
    tell("longest task while zooming", longest(await longTasks(page)));
    await page.getByRole("link", { name: "Graph", exact: true }).click();
    await page.locator(".node").first().waitFor();
    tell("longest task opening the graph", longest(await longTasks(page)));
    await page.getByRole("link", { name: "Events", exact: true }).click();
    await page.locator(".event").first().waitFor();
    tell("longest task opening the events", longest(await longTasks(page)));
    await page.getByRole("searchbox", { name: "Search" }).pressSequentially("item 77", { delay: 50 });
    await page.waitForTimeout(500);
    tell("longest task while searching events", longest(await longTasks(page)));
    await scrubEachView(page);
    tell("memory of the tab, after all that", `${rendererMegabytes().toFixed(0)} MB`);
  } finally {
    await signalbox.dispose();
  }
});

test("a run of 50,000 events", async ({ page }) => {
  const signalbox = await Signalbox.start();
  try {
    await watchTasks(page);
    const wait = { id: "wait", name: "Wait a little", kind: "wait", for_ms: 1 };
    const made = { id: "made", name: "Make something of it", kind: "transform", set: { of: "=item" } };
    const body = { steps: [wait, made], edges: [{ from: "wait", to: "made" }] };
    const run = await startRun(signalbox, "Fifty thousand", ITEMS_LONG, body, 100);
    await finished(signalbox, run);
    await opened(page, signalbox, run);
    await scrubEachView(page);
    tell("memory of the tab, after all that", `${rendererMegabytes().toFixed(0)} MB`);
  } finally {
    await signalbox.dispose();
  }
});
