// What is inside a map, for everybody.

import { expect, expectAccessible, open, test } from "../support/fixtures";

for (const width of [360, 1_280]) {
  test(`a run with a map and what was undone is accessible at ${width} px`, async ({ page, request }) => {
    await page.setViewportSize({ width, height: 800 });
    const start = async (workflow: string, input: object) => {
      const started = await request.post("/api/v1/runs?wait=20s", { data: { workflow, input } });
      return `/runs/${(await started.json()).run_id}`;
    };
    await open(page, await start("deploy-rehearsal", { version: "v2", health_url: "http://127.0.0.1:9/" }));
    await expect(page.getByText("was undone (3 steps).")).toBeVisible();
    await page.locator(".iteration summary").first().click();
    await expectAccessible(page);
    await open(page, await start("endpoint-survey", { endpoints: ["http://127.0.0.1:9/"] }));
    await expect(page.locator(".iteration .step").first()).toBeVisible();
    await expectAccessible(page);
  });
}
