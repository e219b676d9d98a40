// The page and the server around it, before any workflow exists.

import { expect, test } from "../support/fixtures";

test("the start page is complete without its client", async ({ page }) => {
  await page.goto("/");
  await expect(page).toHaveTitle(/Signalbox/);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
});

test("an unknown address gets a page that says so", async ({ page, complaints }) => {
  const answer = await page.goto("/no/such/page");
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
  // Chromium logs the status of the page itself as an error; this one is wanted.
  complaints.splice(0);
});

test("the policy lets only the page's own scripts run", async ({ request }) => {
  const answer = await request.get("/");
  const policy = answer.headers()["content-security-policy"];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toMatch(/script-src 'self' 'nonce-[\w-]{22,}' 'wasm-unsafe-eval';/);
  expect(policy).not.toContain("unsafe-inline");
  expect(answer.headers()["cache-control"]).toBe("no-store");
});

test("the client's files are compressed and kept for ever", async ({ request }) => {
  const html = await (await request.get("/workflows")).text();
  const files = [...html.matchAll(/(?:href|src)="(\/pkg\/[^"]+)"/g)].map((match) => match[1]!);
  for (const name of ["signalbox.", "parts.", "part_workflows."]) {
    expect(files.filter((file) => file.startsWith(`/pkg/${name}`)), name).not.toHaveLength(0);
  }
  for (const file of files) {
    const answer = await request.get(file, { headers: { "accept-encoding": "gzip, br" } });
    expect(answer.status()).toBe(200);
    // The smallest do not shrink.
    if ((await answer.body()).length > 1_000) expect(answer.headers()["content-encoding"]).toBe("br");
    expect(answer.headers()["cache-control"]).toContain("immutable");
    const again = await request.get(file, {
      headers: { "accept-encoding": "br", "if-none-match": answer.headers()["etag"]! },
    });
    expect(again.status()).toBe(304);
  }
});
