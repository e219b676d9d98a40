// An answer that comes too late, given on a page that is not live: with scripting switched off, or before the client
// has arrived.

import { expect, test } from "../support/fixtures";

for (const place of ["the run's page", "the approvals"]) {
  test(`a late answer on ${place} is refused and says who was first`, async ({ page, request, signalbox }) => {
    // Never answered, so that the client is for ever on its way.
    await page.route("**/*.wasm", () => undefined);
    const api = `${signalbox.url}/api/v1`;
    const data = { name: `Asked on ${place}`, steps: [{ id: "ask", kind: "human_gate", name: `Late on ${place}?` }] };
    const workflow = await (await request.post(`${api}/workflows`, { data })).json();
    const run = await (await request.post(`${api}/runs`, { data: { workflow: workflow.slug } })).json();
    const address = place === "the approvals" ? "/approvals" : `/runs/${run.run_id}`;
    await page.goto(address, { waitUntil: "commit" });
    const gate = (await (await request.get(`${api}/gates?run=${run.run_id}`)).json()).items[0];
    const decision = { decision: "reject", plan_hash: gate.plan_hash };
    expect((await request.post(`${api}/gates/${gate.id}/decision`, { data: decision })).status()).toBe(200);

    const form = page.locator("form").filter({ has: page.locator(`input[value="${gate.id}"]`) });
    await form.getByRole("button", { name: "Approve" }).click();
    await expect(page.getByRole("alert")).toContainText("has already rejected this");
  });
}
