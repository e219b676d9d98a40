// Notifications of the desktop: asked for on a run's page, told on any page, once however many tabs there are.

import { type APIRequestContext, type BrowserContext, type Page, expect, expectAccessible, open, test } from "../support/fixtures";

type Told = { title: string; body: string; tag: string };

/** Puts a recorder in the place of the browser's notifications, in all pages of the context. */
async function record(context: BrowserContext, permission: string, answer = permission): Promise<Told[]> {
  const told: Told[] = [];
  await context.exposeFunction("signalboxTold", (notice: Told) => void told.push(notice));
  await context.addInitScript(
    ([permission, answer]) => {
      class Recorder {
        static permission = permission;
        static async requestPermission() {
          Recorder.permission = answer;
          return answer;
        }
        onclick: (() => void) | null = null;
        constructor(title: string, { body, tag }: { body: string; tag: string }) {
          (window as unknown as { signalboxTold: (notice: Told) => void }).signalboxTold({ title, body, tag });
          (window as unknown as { lastNotice: Recorder }).lastNotice = this;
        }
      }
      Object.defineProperty(window, "Notification", { value: Recorder });
    },
    [permission, answer],
  );
  return told;
}

/** A run that waits for somebody outside, then for a person. */
async function start(request: APIRequestContext, name: string): Promise<{ run_id: string; goOn: () => Promise<void>; approve: () => Promise<void> }> {
  const steps = [
    { id: "outside", kind: "external" },
    { id: "ask", kind: "human_gate", name: "Go on?" },
    { id: "last", kind: "external" },
  ];
  const edges = [
    { from: "outside", to: "ask" },
    { from: "ask", to: "last" },
  ];
  const made = await request.post("/api/v1/workflows", { data: { name, steps, edges } });
  const { slug } = await made.json();
  const { run_id } = await (await request.post("/api/v1/runs", { data: { workflow: slug } })).json();
  const result = (step: string) => `/api/v1/runs/${run_id}/steps/${step}/result`;
  return {
    run_id,
    goOn: async () => {
      const told = await request.post(result("outside"), { data: { outcome: "succeeded", output: {} } });
      expect(told.ok(), await told.text()).toBeTruthy();
    },
    approve: async () => {
      const gate = (await (await request.get(`/api/v1/gates?run=${run_id}`)).json()).items[0];
      const decision = { decision: "approve", plan_hash: gate.plan_hash };
      const decided = await request.post(`/api/v1/gates/${gate.id}/decision`, { data: decision });
      expect(decided.ok(), await decided.text()).toBeTruthy();
    },
  };
}

const button = (page: Page) => page.getByRole("button", { name: "Tell me when this run waits or ends" });

test("a run that is followed is told of once, on any page, and no longer when it has ended", async ({ page, context, request }) => {
  const told = await record(context, "default", "granted");
  const name = `Followed ${test.info().repeatEachIndex}`;
  const { run_id, goOn, approve } = await start(request, name);
  const other = await start(request, `Not followed ${test.info().repeatEachIndex}`);
  await open(page, `/runs/${run_id}`);
  await expect(button(page)).toHaveAttribute("aria-pressed", "false");
  await button(page).click();
  await expect(button(page)).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByText("This browser tells you while a page of Signalbox is open.")).toBeVisible();
  await expectAccessible(page);

  // Elsewhere, in two tabs.
  await open(page, "/workflows");
  const second = await context.newPage();
  await open(second, "/approvals");
  await goOn();
  await other.goOn();
  await expect.poll(() => told.length).toBeGreaterThan(0);
  const waits = "“Go on?” waits for you.";
  expect(told[0]).toEqual({ title: name, body: waits, tag: `${run_id} ${waits}` });
  // Both tabs have heard of it by then; what both showed would stand as one, by its tag.
  await expect(second.getByRole("heading", { name: "Go on?" }).first()).toBeVisible();
  expect(new Set(told.map((notice) => notice.tag))).toEqual(new Set([`${run_id} ${waits}`]));

  // What is so already is not told again by a page that is opened.
  await second.close();
  await open(page, `/runs/${run_id}`);
  await expect(button(page)).toHaveAttribute("aria-pressed", "true");
  await approve();
  await expect(async () => {
    const last = `/api/v1/runs/${run_id}/steps/last/result`;
    const failed = await request.post(last, { data: { outcome: "failed", message: "nobody there" } });
    expect(failed.ok(), await failed.text()).toBeTruthy();
  }).toPass();
  const body = "“Last”: nobody there";
  const end = { title: name, body, tag: `${run_id} ${body}` };
  await expect.poll(() => told.at(-1)).toEqual(end);
  await expect(button(page)).toHaveCount(0);
  expect(await page.evaluate(() => localStorage.getItem("signalbox.followed"))).toBe("");
  // No page that is opened from now on tells anything again.
  const soFar = told.length;
  await open(page, "/runs");
  await expect(page.getByRole("link", { name }).first()).toBeVisible();
  expect(told.length).toBe(soFar);
  expect(told.filter((notice) => notice.body === end.body)).toHaveLength(1);
});

test("what has happened while no page was open is told when one is", async ({ page, context, request }) => {
  const told = await record(context, "granted");
  const { run_id, goOn } = await start(request, `Away ${test.info().repeatEachIndex}`);
  await open(page, `/runs/${run_id}`);
  await button(page).click();
  await expect(button(page)).toHaveAttribute("aria-pressed", "true");
  await page.goto("about:blank");
  await goOn();
  await open(page, "/");
  await expect.poll(() => told.map((notice) => notice.body)).toEqual(["“Go on?” waits for you."]);
  // A click leads to the run.
  const opened = context.waitForEvent("page");
  await page.evaluate(() => (window as unknown as { lastNotice: { onclick: () => void } }).lastNotice.onclick());
  await expect(await opened).toHaveURL(new RegExp(`/runs/${run_id}$`));
});

test("who does not want to be told any more is not, and a refusal says what to do", async ({ page, context, request }) => {
  const told = await record(context, "granted");
  const { run_id, goOn } = await start(request, `Left ${test.info().repeatEachIndex}`);
  // What is heard of this one comes behind what would be heard of the other.
  const name = `Kept ${test.info().repeatEachIndex}`;
  const kept = await start(request, name);
  await open(page, `/runs/${kept.run_id}`);
  await button(page).click();
  await expect(button(page)).toHaveAttribute("aria-pressed", "true");
  await open(page, `/runs/${run_id}`);
  await button(page).click();
  await expect(button(page)).toHaveAttribute("aria-pressed", "true");
  await button(page).press("Enter");
  await expect(button(page)).toHaveAttribute("aria-pressed", "false");
  await goOn();
  await expect(page.getByRole("button", { name: "Approve" })).toBeVisible();
  await kept.goOn();
  await expect.poll(() => told.length).toBeGreaterThan(0);
  expect(told.map((notice) => notice.title)).toEqual([name]);
  await page.evaluate(() => ((window as unknown as { Notification: { permission: string } }).Notification.permission = "denied"));
  await button(page).click();
  await expect(page.getByText("Allow them in its settings for this site, then press again.")).toBeVisible();
  await expect(button(page)).toHaveAttribute("aria-pressed", "false");
});
