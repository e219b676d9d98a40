// What a screen reader is told while a run goes on: how it stands as a whole, once each time that changes.

import { expect, open, test } from "../support/fixtures";

const STEPS = 8;
/** What is read out when it changes. */
const LIVE = "[role=status], [role=alert], [role=log], [role=timer], [role=marquee], [aria-live]:not([aria-live=off])";

test("a run is read out once whenever it stands otherwise, and no step of it", async ({ page, request }) => {
  const ids = Array.from({ length: STEPS }, (_, at) => `part_${at}`);
  const steps = ids.map((id) => ({ id, name: `Part ${id}`, kind: "external" }));
  const edges = ids.slice(1).map((to, at) => ({ from: ids[at], to }));
  const name = `Heard ${test.info().repeatEachIndex}`;
  const { slug } = await (await request.post("/api/v1/workflows", { data: { name, steps, edges } })).json();
  const { run_id } = await (await request.post("/api/v1/runs", { data: { workflow: slug } })).json();
  const post = async (what: string, data: object) => {
    const answer = await request.post(`/api/v1/runs/${run_id}/${what}`, { data });
    expect(answer.ok(), await answer.text()).toBeTruthy();
  };
  await open(page, `/runs/${run_id}`);
  const standing = page.locator(".run-status [role=status]");
  await expect(standing).toHaveText("Waiting");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await page.evaluate((live) => {
    const heard: string[] = [];
    (window as unknown as { heard: string[] }).heard = heard;
    const listen = (changes: MutationRecord[]) => {
      const nodes = changes.map(({ target }) => (target instanceof Element ? target : target.parentElement));
      const regions = new Set(nodes.map((node) => node?.closest(live)).filter((region) => region));
      // Also what is drawn again with the same words: many screen readers say it again.
      for (const region of regions) heard.push(region!.textContent!.trim());
    };
    new MutationObserver(listen).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, LIVE);
  for (const [at, id] of ids.entries()) {
    if (at === 3) {
      await post("pause", { comment: "Lunch" });
      await expect(standing).toHaveText("Paused");
      await post("resume", {});
      await expect(standing).toHaveText("Waiting");
    }
    await post(`steps/${id}/result`, { outcome: "succeeded", output: {} });
    await expect(page.locator(`[id="step-${id}"]`)).toContainText("Completed");
  }
  await expect(standing).toHaveText("Completed");
  const heard = await page.evaluate(() => (window as unknown as { heard: string[] }).heard);
  expect(heard).toEqual(["Paused", "Waiting", "Completed"]);
});
