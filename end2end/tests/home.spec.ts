// Home: how the workflows that ran lately have done.

import { expect, open, test, until } from "../support/fixtures";

test("Home tells how the last runs of a workflow have ended", async ({ page, request }) => {
  const name = `Divides ${test.info().project.name} ${test.info().repeatEachIndex}`;
  const data = {
    name,
    inputs: { type: "object", required: ["by"], properties: { by: { type: "integer" } } },
    steps: [{ id: "divide", name: "Divide", kind: "transform", set: { result: "=12 / input.by" } }],
  };
  const { slug: workflow } = await (await request.post("/api/v1/workflows", { data })).json();
  for (const by of [1, 2, 0, 3]) {
    const { run_id } = await (await request.post("/api/v1/runs", { data: { workflow, input: { by } } })).json();
    await request.get(`/api/v1/runs/${run_id}?wait=10s`);
  }
  await open(page, "/");
  const table = page.getByRole("region", { name: "How workflows do" });
  const row = table.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
  await until(page, row);
  await expect(row.getByRole("img", { name: "Of the last 4 runs 3 completed, 1 failed." })).toBeVisible();
  await expect(row).toContainText("75 %");
  await row.getByRole("link", { name: "1 failed" }).click();
  await expect(page).toHaveURL(new RegExp(`/runs\\?status=failed&workflow=${workflow}`));
  await until(page, page.getByText("1 run", { exact: true }));
});
