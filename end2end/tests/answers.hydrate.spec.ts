// Answers in a page that is live: each stays with its own question, and the reader stays where the answer is.

import { type APIRequestContext, type Locator, type Page, expect, open, test } from "../support/fixtures";
import { runStatus, step } from "../support/health-check";
import { Signalbox } from "../support/signalbox";
import { Endpoint } from "../support/world";

// Some tests here have a server of their own and take it away under an open page.
test.use({ outages: true });

/** Makes a workflow of these steps and starts a run of it. Answers the run's address. */
async function start(request: APIRequestContext, signalbox: Signalbox, name: string, steps: object[]): Promise<string> {
  const api = `${signalbox.url}/api/v1`;
  const workflow = await (await request.post(`${api}/workflows`, { data: { name, steps } })).json();
  const run = await (await request.post(`${api}/runs`, { data: { workflow: workflow.slug } })).json();
  return `${signalbox.url}/runs/${run.run_id}`;
}

function card(page: Page, title: string): Locator {
  return page.getByRole("article").filter({ has: page.getByRole("heading", { name: title, exact: true }) });
}

test("what is typed at one question stays there when another is answered", async ({ page, request }) => {
  const signalbox = await Signalbox.start();
  try {
    for (const name of ["First", "Second"]) {
      await start(request, signalbox, name, [{ id: "ask", kind: "human_gate", name: `${name}?` }]);
    }
    await open(page, `${signalbox.url}/approvals`);
    await expect(page.getByRole("link", { name: "Approvals" })).toContainText("2 waiting");
    await card(page, "Second?").getByLabel("Comment").fill("For the second.");
    // The second half of a double click falls on what has moved under the pointer.
    await card(page, "First?").getByRole("button", { name: "Approve" }).dblclick();
    await expect(card(page, "First?")).toHaveCount(0);
    await expect(page.getByText("Approved. See the run")).toBeFocused();
    await expect(card(page, "Second?").getByLabel("Comment")).toHaveValue("For the second.");
    await expect(page.getByRole("link", { name: "Approvals" })).toContainText("1 waiting");
    await card(page, "Second?").getByRole("button", { name: "Reject" }).click();
    await expect(page.getByText("Nothing waits for you.")).toBeVisible();
    await page.getByRole("link", { name: "See the run" }).click();
    await expect(step(page, "Second?")).toContainText("Rejected by local: “For the second.”");
  } finally {
    await signalbox.dispose();
  }
});

test("one run's page does not take over what was typed on another's", async ({ page, request, signalbox }) => {
  const steps = [{ id: "ask", kind: "human_gate" }];
  const first = await start(request, signalbox, "One of two", steps);
  const second = await start(request, signalbox, "Two of two", steps);
  await open(page, first);
  await page.getByLabel("Comment").fill("For the first.");
  // From page to page by the router, which keeps what it can of the page before.
  await page.evaluate((address) => {
    const link = document.createElement("a");
    link.href = new URL(address).pathname;
    document.querySelector("main")!.append(link);
    link.click();
  }, second);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Two of two");
  await expect(page.getByLabel("Comment")).toHaveValue("");
});

test("an answer that is not the server's own counts for nothing", async ({ page, request, signalbox }) => {
  const address = await start(request, signalbox, "Cut off", [{ id: "ask", kind: "human_gate" }]);
  await open(page, address);
  // A page on which one signs in anew, such as a proxy has it: all is well with it.
  await page.route("**/rpc/decide_gate*", (route) => route.fulfill({ contentType: "text/html", body: "<h1>Sign in</h1>" }));
  await page.getByRole("button", { name: "Approve" }).click();
  const refused = page.getByText("Something else than the server has answered.");
  await expect(refused).toBeVisible();
  await expect(page.getByRole("button", { name: "Approve" })).toBeVisible();
  await page.unroute("**/rpc/decide_gate*");
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(runStatus(page)).toContainText("Completed");
  await expect(refused).toBeHidden();
});

test("the second half of a double click presses nothing that has come into the place of the answer", async ({ page, request, signalbox }) => {
  const name = `Twice ${test.info().repeatEachIndex}`;
  const steps = [
    { id: "first", kind: "human_gate" },
    { id: "second", kind: "human_gate" },
  ];
  const data = { name, steps, edges: [{ from: "first", to: "second" }] };
  const { slug } = await (await request.post(`${signalbox.url}/api/v1/workflows`, { data })).json();
  const { run_id } = await (await request.post(`${signalbox.url}/api/v1/runs`, { data: { workflow: slug } })).json();
  await open(page, `${signalbox.url}/runs/${run_id}`);
  // The answer is on its way for as long as the test wants, and the page has gone on already.
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/rpc/decide_gate*", async (route) => {
    const answer = await route.fetch();
    await held;
    await route.fulfill({ response: answer });
  });
  await step(page, "First").getByRole("button", { name: "Approve" }).click();
  const approve = step(page, "Second").getByRole("button", { name: "Approve" });
  await expect(approve).toBeVisible();
  await expect(approve).toBeDisabled();
  const input = page.locator("details.more").filter({ has: page.locator("summary", { hasText: /^Input$/ }) });
  await input.scrollIntoViewIfNeeded();
  const place = (await input.locator("summary").boundingBox())!;
  await page.mouse.move(place.x + 8, place.y + place.height / 2);
  await page.mouse.down({ clickCount: 2 });
  await page.mouse.up({ clickCount: 2 });
  await expect(input).not.toHaveAttribute("open");
  // A click of its own counts.
  await input.locator("summary").click();
  await expect(input).toHaveAttribute("open");
  release();
  await expect(approve).toBeEnabled();
  await approve.click();
  await expect(runStatus(page)).toContainText("Completed");
});

test("after an answer the focus stays at its step", async ({ page, request, signalbox }) => {
  const run = await start(request, signalbox, "Asks", [{ id: "ask", kind: "human_gate" }]);
  await open(page, run);
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(runStatus(page)).toContainText("Completed");
  await expect(step(page, "Ask")).toBeFocused();
});

test("an effect that was under way when the server died is put to a person", async ({ page, request }) => {
  const signalbox = await Signalbox.start();
  const endpoint = await Endpoint.start();
  try {
    const order = { method: "POST", url: `${endpoint.url}/slow/60000`, body: { amount: 7 } };
    const run = await start(request, signalbox, "Orders", [
      { id: "order", kind: "tool_call", tool: "http.request", with: order },
    ]);
    await open(page, run);
    await expect(step(page, "Order")).toContainText("In progress");
    await signalbox.kill();
    await signalbox.restart();
    await open(page, `${signalbox.url}/`);
    await page.getByRole("link", { name: "Order: did it happen?" }).click();
    await expect(step(page, "Order")).toContainText("Outcome unknown");
    await expect(step(page, "Order")).toContainText("What was sent");
    await open(page, `${signalbox.url}/approvals`);
    await card(page, "Order").getByRole("link", { name: "Look and answer" }).click();
    await page.getByLabel("What you found").fill("It is in their books.");
    await page.getByRole("button", { name: "It happened" }).click();
    await expect(runStatus(page)).toContainText("Completed");
  } finally {
    endpoint.stop();
    await signalbox.dispose();
  }
});

test("the task list beside all pages follows its run, also after an answer that did not come", async ({ page, request, complaints }) => {
  const signalbox = await Signalbox.start();
  try {
    // Each goes on when the test says so.
    const steps = ["one", "two", "three"].map((id) => ({ id, kind: "external" }));
    const workflow = { name: "In a row", steps, edges: [{ from: "one", to: "two" }, { from: "two", to: "three" }] };
    const { slug } = await (await request.post(`${signalbox.url}/api/v1/workflows`, { data: workflow })).json();
    const { run_id } = await (await request.post(`${signalbox.url}/api/v1/runs`, { data: { workflow: slug } })).json();
    const end = async (id: string) => {
      const result = `${signalbox.url}/api/v1/runs/${run_id}/steps/${id}/result`;
      const told = await request.post(result, { data: { outcome: "succeeded", output: {} } });
      expect(told.ok(), await told.text()).toBeTruthy();
    };
    await open(page, `${signalbox.url}/workflows`);
    const panel = page.getByRole("complementary", { name: "Active run" });
    await expect(panel.locator(".panel-step")).toHaveText([/One/, /Two/, /Three/]);
    let refused = 0;
    await page.route("**/rpc/active_run*", (route) => (refused++ === 0 ? route.abort() : route.continue()));
    await end("one");
    await expect.poll(() => refused).toBeGreaterThan(0);
    await expect(panel.locator(".panel-step").first()).toBeVisible();
    await expect(panel.locator(".panel-step").nth(0)).toContainText("Completed");
    await end("two");
    await expect(panel.locator(".panel-step").nth(1)).toContainText("Completed");
    await end("three");
    await expect(panel).toBeHidden();
    complaints.splice(0);
  } finally {
    await signalbox.dispose();
  }
});
