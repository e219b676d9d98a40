// What the pages of workflows do beyond links and forms: they follow what is typed, keep the focus, and are good to look at.

import { type Page, expect, expectAccessible, expectNoSidewaysScroll, open, test } from "../support/fixtures";
import { Signalbox } from "../support/signalbox";

const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?" };

async function create(page: Page, data: object): Promise<string> {
  const answer = await page.request.post("/api/v1/workflows", { data: { steps: [ask], ...data } });
  return (await answer.json()).slug;
}

test("the list follows what is typed, and the address with it", async ({ page }) => {
  await create(page, { name: "Zeppelin" });
  await open(page, "/workflows?view=list");
  const search = page.getByRole("searchbox");
  await search.pressSequentially("zepp", { delay: 30 });
  await expect(page.getByRole("article")).toHaveCount(1);
  await expect(page).toHaveURL(/q=zepp&view=list$/);
  await expect(search).toBeFocused();
  await search.pressSequentially("elin 100%", { delay: 30 });
  await expect(page.getByText("Nothing fits.")).toBeVisible();
  await expect(search).toHaveValue("zeppelin 100%");
  await page.reload();
  await expect(search).toHaveValue("zeppelin 100%");
  // Also before the client is there.
  await search.fill("");
  await expect(page.getByRole("article").nth(3)).toBeVisible();
  // One look for all that was typed, so one step back leaves the page.
  await expect(page).toHaveURL(/\/workflows\?view=list$/);
});

test("deleting and bringing back work by keyboard, and the focus goes along", async ({ page }) => {
  await create(page, { name: "By keys" });
  await open(page, "/workflows?q=By+keys");
  await page.getByRole("button", { name: "Delete By keys" }).press("Enter");
  const told = page.getByText("has been deleted");
  await expect(told).toBeFocused();
  // The list is fetched again when a run begins, and the line stays where it is.
  await told.evaluate((line) => line.addEventListener("blur", () => line.setAttribute("data-left", "")));
  await create(page, { name: "Meanwhile", description: "Not by keys." });
  await page.request.post("/api/v1/runs", { data: { workflow: "meanwhile" } });
  await expect(page.getByRole("article").filter({ hasText: "Meanwhile" })).toBeVisible();
  await expect(told).toBeFocused();
  await expect(told).not.toHaveAttribute("data-left");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Undo: bring By keys back" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("is back.")).toBeFocused();
  await page.getByRole("link", { name: "Run By keys" }).press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("By keys");
  await expect(page.getByRole("button", { name: "Start", exact: true })).toBeFocused();
  await page.getByRole("button", { name: "Delete", exact: true }).press("Enter");
  await expect(page.getByText("This workflow has been deleted")).toBeFocused();
});

test("a link of the shelves keeps the focus while the list changes", async ({ page }) => {
  await open(page, "/workflows");
  const mine = page.getByRole("navigation", { name: "Which workflows" }).getByRole("link", { name: /^Templates/ });
  await mine.press("Enter");
  await expect(page.getByText("Using one opens the builder")).toBeVisible();
  await expect(mine).toBeFocused();
  await expect(mine).toHaveAttribute("aria-current", "page");
});

const long = "Averyveryverylongwordwithoutanyspace that is followed by others, as if a name were a sentence ".repeat(2);

for (const width of [360, 1_280]) {
  test(`the pages of workflows are good in both themes at ${width} px`, async ({ page }) => {
    const signalbox = await Signalbox.start();
    const api = `${signalbox.url}/api/v1/workflows`;
    const create = async (data: object) => (await (await page.request.post(api, { data })).json()).slug as string;
    const look = async (path: string) => {
      await open(page, signalbox.url + path);
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
    };
    try {
      await page.setViewportSize({ width, height: 800 });
      await look("/workflows?filter=mine");
      const steps = [1, 2, 3, 4, 5].map((at) => ({ id: `step_${at}`, name: long.slice(0, 150), kind: "transform", set: { a: at } }));
      const edges = [2, 3, 4, 5].map((at) => ({ from: "step_1", to: `step_${at}`, label: long.slice(0, 60) }));
      const slug = await create({ name: long.slice(0, 190), tags: ["ops", long.slice(0, 60)], description: long, steps, edges });
      await create({ name: "Short", steps: [ask] });
      const short = await create({ name: "Short one", tags: ["ops"], steps: [ask] });
      await page.request.post(`${signalbox.url}/api/v1/runs`, { data: { workflow: "short" } });
      await page.request.post(`${api}/${short}/template`, { data: {} });
      await page.request.delete(`${api}/${short}`);
      for (const path of [
        "/workflows",
        "/workflows?view=list&tag=ops",
        "/workflows?filter=templates",
        "/workflows?filter=deleted",
        `/workflows?changed=${short}`,
        "/workflows?q=nothing+like+that",
        `/workflows/${slug}`,
        `/workflows/${short}`,
        `/workflows/${short}-template`,
        "/workflows/endpoint-survey",
      ]) {
        await look(path);
      }
      await open(page, `${signalbox.url}/workflows`);
      await page.getByText("Import…").click();
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
    } finally {
      await signalbox.dispose();
    }
  });
}
