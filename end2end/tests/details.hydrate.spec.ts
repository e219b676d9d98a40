// What a step's details tell of it.

import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from "../support/fixtures";
import { step } from "../support/health-check";

test("each field of what went into a step says where it comes from", async ({ page, request, signalbox }) => {
  const workflow = {
    name: "Origins",
    inputs: { type: "object", properties: { who: { type: "string" } } },
    steps: [
      { id: "first", kind: "transform", name: "The first", set: { host: "a.example" } },
      {
        id: "job",
        kind: "external",
        name: "The job",
        with: { host: "$first.host", limit: { most: 3 }, more: { text: "=first.host + '!'" }, who: "$input.who" },
      },
    ],
    edges: [{ from: "first", to: "job" }],
  };
  const { slug } = await (await request.post(`${signalbox.url}/api/v1/workflows`, { data: workflow })).json();
  const started = await request.post(`${signalbox.url}/api/v1/runs`, { data: { workflow: slug, input: { who: "ada" } } });
  const run = (await started.json()).run_id as string;
  await open(page, `/runs/${run}`);
  const job = step(page, "The job");
  await job.getByText("Details").click();
  await expect(job.getByRole("heading", { name: "Where the input comes from" })).toBeVisible();
  await expect(job.locator(".origins li")).toHaveText([
    "host from The first, $first.host",
    "limit is written in the workflow",
    "more.text from The first, =first.host + '!'",
    "who from the input of the run, $input.who",
  ]);
  await expectAccessible(page);
  await expectNoSidewaysScroll(page);
  await job.getByRole("link", { name: "The first" }).first().click();
  await expect(page.locator("#step-first")).toBeFocused();
  await request.post(`${signalbox.url}/api/v1/runs/${run}/cancel`);
});
