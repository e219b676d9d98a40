import { chromium } from "playwright-core";
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
const dir = mkdtempSync("/tmp/shots-");
const port = 3977;
const server = spawn(process.argv[2], ["serve", "--listen", `127.0.0.1:${port}`, "--database", `sqlite:${dir}/s.db`], { stdio: "inherit" });
const url = `http://127.0.0.1:${port}`;
for (let i = 0; i < 100; i++) { try { if ((await fetch(url + "/api/v1/health")).ok) break; } catch {} await new Promise((r) => setTimeout(r, 100)); }
const post = async (path, body, type = "application/json") => { const r = await fetch(url + "/api/v1" + path, { method: "POST", headers: { "content-type": type }, body: type === "application/json" ? JSON.stringify(body) : body }); return r.json(); };
const wf = async (name, tags, steps, inputs = { type: "object" }) => (await post("/workflows", { name, tags, steps, inputs })).slug;
const divide = await wf("Nightly import", ["import", "nightly"], [{ id: "divide", kind: "transform", set: { r: "=12 / input.by" } }, ], { type: "object", required: ["by"], properties: { by: { type: "integer" } } });
const ask = await wf("Release to production", ["release"], [{ id: "ask", name: "Release it?", kind: "human_gate", message: "All checks are green." }], {type:"object", properties:{version:{type:"string"}}});
const ext = await wf("Build", ["ci"], [{ id: "build", name: "Build it", kind: "external" }, ]);
const http = await wf("Fetch a page that is not there", [], [{ id: "get", name: "Fetch", kind: "tool_call", tool: "http.request", with: { url: "http://127.0.0.1:1/x" } }]);
for (let i = 0; i < 34; i++) await post(`/runs`, { workflow: divide, input: { by: i % 7 === 5 ? 0 : i + 1 } });
for (let i = 0; i < 30; i++) await post(`/runs`, { workflow: ask, input: { version: `2.${i}.0` } });
for (let i = 0; i < 4; i++) await post(`/runs?wait=2s`, { workflow: http });
const run = (await post(`/runs`, { workflow: ext })).run_id;
const lines = ["\u001b[1mCompiling\u001b[0m signalbox v0.1.0", "\u001b[33mwarning\u001b[0m: unused variable `x`", "\u001b[31;1merror[E0308]\u001b[0m: mismatched types", "  \u001b[34m-->\u001b[0m src/main.rs:12:5", "\u001b[32mok\u001b[0m 948 tests", "x".repeat(300)];
let text = ""; for (let i = 0; i < 8; i++) text += lines.join("\n") + "\n";
await post(`/runs/${run}/steps/build/logs`, text, "text/plain");
await post(`/runs/${run}/steps/build/logs?stream=stderr`, "something on the error output\n", "text/plain");
const failed = (await (await fetch(url + "/api/v1/runs?status=failed&limit=1")).json()).items[0].run_id;
const pages = (process.argv[3] ?? "home,runs,narrow,none,select,bulk,log,changes").split(",");
const at = { home: "/", homerec: "/", runs: "/runs", narrow: "/runs?status=failed&tag=nightly&q=5", none: "/runs?q=nothingthere", select: "/runs?select=all&status=waiting", bad: "/runs?from=yesterday", bulk: null, log: `/runs/${run}`, changes: `/runs/${failed}?view=changes` };
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [scheme, width] of [["light", 1280], ["dark", 1280], ["light", 360]]) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: width === 360 ? 740 : 900 } });
  const page = await context.newPage();
  page.on("console", (m) => m.type() === "error" && console.log(m.text()));
  for (const name of pages) {
    if (name === "bulk") { await page.goto(url + at.select); await page.waitForTimeout(700); await page.getByRole("button", { name: "Cancel…" }).click(); }
    else await page.goto(url + at[name]);
    await page.waitForTimeout(1200);
    if (name === "log") { await page.getByText("Log", { exact: false }).locator("visible=true").filter({ hasText: /^Log/ }).first().click(); await page.waitForTimeout(900); }
    if (name === "changes") { await page.getByText("What differs").first().click(); await page.waitForTimeout(200); }
    if (name === "homerec") await page.locator("table.records").scrollIntoViewIfNeeded();
    await page.screenshot({ path: `/tmp/shot-${name}-${scheme}-${width}.png`, fullPage: width === 360 && name !== "homerec" && name !== "runs" && name !== "select" });
  }
  await context.close();
}
await browser.close(); server.kill();
