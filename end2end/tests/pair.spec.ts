// Back to the moment before a failure, on from there with a corrected input, and both runs side by side.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from "../support/fixtures";

test("a failed run is gone back to, begun anew with a corrected input, and compared", async ({ page, request, complaints }) => {
  const service = createServer((asked, answer) => {
    answer.statusCode = asked.url === "/right" ? 200 : 503;
    answer.end("{}");
  });
  await new Promise<void>((ready) => service.listen(0, "127.0.0.1", ready));
  const port = (service.address() as AddressInfo).port;
  try {
    const steps = [
      { id: "before", name: "Before", kind: "tool_call", tool: "util.noop" },
      {
        id: "call",
        name: "Call it",
        kind: "tool_call",
        tool: "http.request",
        with: { url: `="http://127.0.0.1:${port}/" + input.path` },
        retry: { max_attempts: 1 },
      },
      { id: "after", name: "After", kind: "transform", set: { status: "$call.status" } },
    ];
    const edges = [
      { from: "before", to: "call" },
      { from: "call", to: "after" },
    ];
    const inputs = { type: "object", required: ["path"], properties: { path: { type: "string" } } };
    const name = `Pair ${test.info().project.name} ${test.info().repeatEachIndex}`;
    const created = await request.post("/api/v1/workflows", { data: { name, inputs, steps, edges } });
    expect(created.ok(), await created.text()).toBeTruthy();
    const { slug } = await created.json();
    const started = await request.post("/api/v1/runs?wait=5s", { data: { workflow: slug, input: { path: "wrong" } } });
    const { run_id } = await started.json();
    const { items } = await (await request.get(`/api/v1/runs/${run_id}/events`)).json();
    const failed = items.find((event: { kind: string }) => event.kind === "step_failed");

    // Alone it has nothing to be compared with.
    await open(page, `/runs/${run_id}/compare`);
    await expect(page.getByText("There is no other run to compare with yet.")).toBeVisible();

    await open(page, `/runs/${run_id}?at=${failed.seq - 1}`);
    const call = page.locator('[id="step-call"]');
    await expect(call).toContainText("In progress");
    await call.getByText("Details", { exact: false }).first().click();
    await call.getByText("Start a new run from here…").click();
    if (test.info().project.name === "scripted") {
      await expect(call).toContainText("What 1 step gave is taken over");
    } else {
      await call.getByRole("link", { name: "With another input" }).click();
      await call.getByText("Details", { exact: false }).first().click();
      await call.getByText("Start a new run from here…").click();
    }
    const input = call.getByLabel("Input of the new run");
    await expect(input).toHaveValue(/"path": "wrong"/);
    // What cannot be an input is refused, and the page is still there.
    await input.fill('{ "path": ');
    await call.getByRole("button", { name: "Start the new run" }).click();
    await expect(page.getByText("The input is not JSON", { exact: false })).toBeVisible();
    if (test.info().project.name !== "scripted") {
      await open(page, `/runs/${run_id}?step=call&at=${failed.seq - 1}`);
      await call.getByText("Details", { exact: false }).first().click();
      await call.getByText("Start a new run from here…").click();
    }
    // Nor what does not fit, and the answer says why.
    await input.fill('{ "pth": "right" }');
    await call.getByRole("button", { name: "Start the new run" }).click();
    await expect(page.getByText("path", { exact: false }).filter({ hasText: "The input does not fit the workflow." }).first()).toBeVisible();
    if (test.info().project.name !== "scripted") {
      await open(page, `/runs/${run_id}?step=call&at=${failed.seq - 1}`);
      await call.getByText("Details", { exact: false }).first().click();
      await call.getByText("Start a new run from here…").click();
    }
    await input.fill('{ "path": "right" }');
    await call.getByRole("button", { name: "Start the new run" }).click();
    await expect(page).not.toHaveURL(new RegExp(run_id));
    await expect(page.getByText("Begun at")).toBeVisible();
    await expect.poll(async () => {
      await page.reload();
      return page.locator(".run-status").textContent();
    }).toContain("Completed");

    await page.getByRole("link", { name: "Compare with it" }).click();
    await expect(page.getByText("2 of 3 steps differ, first “Call it”.")).toBeVisible();
    const rows = page.locator(".pair-row");
    await expect(rows).toHaveCount(2);
    await expect(rows.first()).toContainText("first difference");
    await expect(rows.first()).toContainText("Failed");
    await expect(rows.first()).toContainText("Completed");
    await expect(page.locator(".pair-values").first()).toContainText("/path");
    await expect(rows.first().locator(".pair-values").first()).toContainText("/right");
    // The second one is folded, and has what it says, with scripting and without.
    await rows.nth(1).getByText("What differs").click();
    await expect(rows.nth(1)).toContainText("Only one of the runs has come to this step.");
    await page.getByRole("link", { name: "All steps" }).click();
    await expect(rows).toHaveCount(3);
    if (test.info().project.name === "scripted") await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 800 });
    await expectNoSidewaysScroll(page);
    // What was refused is told by the browser as well.
    complaints.splice(0);
  } finally {
    service.close();
  }
});

test("two runs that did the same are the same, also where their values are too large to be sent", async ({ page, request, complaints }) => {
  const steps = [{ id: "copy", kind: "transform", set: { text: "$input.text" } }];
  const inputs = { type: "object", properties: { text: { type: "string" } } };
  const name = `Same ${test.info().project.name} ${test.info().repeatEachIndex}`;
  const { slug } = await (await request.post("/api/v1/workflows", { data: { name, inputs, steps } })).json();
  const runs: string[] = [];
  for (const letter of ["x", "x", "y"]) {
    const started = await request.post("/api/v1/runs?wait=5s", { data: { workflow: slug, input: { text: letter.repeat(40_000) } } });
    runs.push((await started.json()).run_id);
  }
  await open(page, `/runs/${runs[0]}/compare?with=${runs[1]}`);
  await expect(page.getByText("Both runs went the same way.")).toBeVisible();
  await expect(page.locator(".pair-values")).toHaveCount(0);
  // Whichever is asked for first, the older one is on the left.
  await open(page, `/runs/${runs[2]}/compare?with=${runs[0]}`);
  await expect(page.getByText("1 of 1 steps differ, first “Copy”.")).toBeVisible();
  await expect(page.locator(".pair-head").first().getByRole("link")).toHaveAttribute("href", `/runs/${runs[0]}`);
  await expect(page.locator(".pair-values").first()).toContainText("Input of the run");
  // Of another workflow there is nothing to compare.
  const other = await request.post("/api/v1/workflows", { data: { name: `${name} not`, steps: [{ id: "a", kind: "transform", set: { a: 1 } }] } });
  const strange = await request.post("/api/v1/runs?wait=5s", { data: { workflow: (await other.json()).slug } });
  await page.goto(`/runs/${runs[0]}/compare?with=${(await strange.json()).run_id}`);
  await expect(page.getByText("Only runs of the same workflow can be compared.")).toBeVisible();
  complaints.splice(0);
});
