// What the list of runs does beyond links and forms: it is walked by keyboard, keeps what is read where it is, and is good
// to look at.

import { type Page, expect, expectAccessible, expectNoSidewaysScroll, leave, open, test } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?" };

async function create(page: Page, name: string, url = ""): Promise<string> {
  const data = { name, inputs: { type: "object" }, steps: [ask] };
  return (await (await page.request.post(`${url}/api/v1/workflows`, { data })).json()).slug;
}

async function start(page: Page, workflow: string, input: object = {}, url = ""): Promise<string> {
  return (await (await page.request.post(`${url}/api/v1/runs`, { data: { workflow, input } })).json()).run_id;
}

test("rows are walked and pages turned by keyboard", async ({ page }) => {
  test.slow();
  const slug = await create(page, "Walked by keys");
  for (let n = 0; n < 52; n += 1) await start(page, slug, { n });
  await open(page, `/runs?workflow=${slug}`);
  const links = page.getByRole("region", { name: "Runs" }).locator("a.run-row");
  await links.first().focus();
  await page.keyboard.press("ArrowDown");
  await expect(links.nth(1)).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await expect(links.first()).toBeFocused();
  await page.keyboard.press("n");
  const line = page.getByText("Runs 51–52 of 52");
  await expect(line).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(links.first()).toBeFocused();
  await page.keyboard.press("p");
  await expect(page.getByText("Runs 1–50 of 52")).toBeFocused();
  // There is nothing before it.
  await page.keyboard.press("p");
  await expect(page.getByText("Runs 1–50 of 52")).toBeFocused();
  await page.goBack();
  await expect(line).toBeVisible();
  await page.goBack();
  await expect(page.getByText("Runs 1–50 of 52")).toBeVisible();
  await page.keyboard.press("Tab");
  await links.first().focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Walked by keys");
});

test("what is typed elsewhere turns no page", async ({ page }) => {
  await open(page, "/runs");
  const search = page.getByRole("searchbox", { name: "Words of the input" });
  await search.pressSequentially("pnpn", { delay: 20 });
  await expect(search).toHaveValue("pnpn");
  await expect(page).toHaveURL(/\/runs$/);
  await search.press("Enter");
  await expect(page).toHaveURL(/\/runs\?q=pnpn$/);
  await expect(page.getByText("No runs", { exact: true })).toBeFocused();
});

test("what starts meanwhile is offered, and what is read stays where it is", async ({ page }) => {
  const slug = await create(page, "Meanwhile on the list");
  const first = await start(page, slug);
  await open(page, `/runs?workflow=${slug}`);
  const links = page.getByRole("region", { name: "Runs" }).locator("a.run-row");
  await expect(links).toHaveCount(1);
  await links.first().focus();
  for (let n = 0; n < 3; n += 1) await start(page, slug);
  const news = page.getByRole("button", { name: "3 more runs" });
  await expect(news).toBeVisible();
  await expect(links).toHaveCount(1);
  await expect(links.first()).toBeFocused();
  // A row follows its run.
  await page.request.post(`/api/v1/runs/${first}/cancel`);
  await expect(links.first()).toContainText("Cancelled");
  await expect(links.first()).toBeFocused();
  await news.press("Enter");
  await expect(links).toHaveCount(4);
  await expect(page.getByText("4 runs", { exact: true })).toBeFocused();
  await expect(news).toHaveCount(0);
});

test("the first run of an empty list comes by itself", async ({ page }) => {
  const slug = await create(page, "Empty at first");
  await open(page, `/runs?workflow=${slug}`);
  await expect(page.getByText("Nothing fits.")).toBeVisible();
  await start(page, slug);
  await expect(page.getByText("1 run", { exact: true })).toBeVisible();
  await expect(page.getByText("Nothing fits.")).toHaveCount(0);
});

test("a filter that is taken away leaves the focus on what is found", async ({ page }) => {
  const slug = await create(page, "Widened");
  await start(page, slug);
  await open(page, `/runs?workflow=${slug}&status=failed`);
  await page.getByRole("link", { name: "State: Failed" }).first().press("Enter");
  await expect(page.getByText("1 run", { exact: true })).toBeFocused();
});

const long = "Averyveryverylongwordwithoutanyspace that is followed by others, as if a name were a sentence ".repeat(2);

for (const width of [360, 1_280]) {
  test(`the list of runs is good in both themes at ${width} px`, async ({ page, complaints }) => {
    const signalbox = await Signalbox.start();
    const { url } = signalbox;
    try {
      await page.setViewportSize({ width, height: 800 });
      const look = async (path: string) => {
        await open(page, url + path);
        await expectNoSidewaysScroll(page);
        await expectAccessible(page);
      };
      await look("/runs");
      const slug = await create(page, long.slice(0, 190), url);
      const runs = [];
      for (let n = 0; n < 3; n += 1) runs.push(await start(page, slug, { n: long }, url));
      await page.request.put(`${url}/api/v1/filters/${encodeURIComponent(long.slice(0, 190))}`, { data: { query: "tag=a" } });
      for (const path of [
        "/runs",
        `/runs?workflow=${slug}&q=${encodeURIComponent(long.slice(0, 40))}&started_by=${encodeURIComponent(long.slice(0, 190))}&from=2026-01-01`,
        "/runs?select=all",
        "/runs?status=failed&status=waiting&q=nothing+like+that",
        "/runs?older=1.a",
        "/runs?from=yesterday",
        `/runs/bulk?act=cancel&run=${runs.join("&run=")}`,
        `/runs/bulk?act=retry&run=${runs.join("&run=")}&came=refused&came=done&came=failed`,
      ]) {
        await look(path);
      }
      await open(page, `${url}/runs?tag=a`);
      await page.getByText("Save this filter, or change saved ones").click();
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
      // Chromium logs the wanted status as an error.
      expect(complaints.filter((complaint) => !complaint.includes("status of 422"))).toEqual([]);
      complaints.splice(0);
    } finally {
      await leave(page, signalbox);
    }
  });
}
