import { chromium } from "playwright-core";
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
const dir = mkdtempSync("/tmp/wide-"); const port = 3978;
const server = spawn("/tmp/sb-old", ["serve", "--listen", `127.0.0.1:${port}`, "--database", `sqlite:${dir}/s.db`]);
const url = `http://127.0.0.1:${port}`;
for (let i = 0; i < 100; i++) { try { if ((await fetch(url + "/api/v1/health")).ok) break; } catch {} await new Promise((r) => setTimeout(r, 100)); }
const post = async (path, body, method = "POST") => (await fetch(url + "/api/v1" + path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();
const long = "Averyveryverylongwordwithoutanyspace that is followed by others, as if a name were a sentence ".repeat(2);
const slug = (await post("/workflows", { name: long.slice(0, 190), inputs: { type: "object" }, steps: [{ id: "ask", name: "Ask", kind: "human_gate", message: "Well?" }] })).slug;
const runs = []; for (let n = 0; n < 3; n++) runs.push((await post("/runs", { workflow: slug, input: { n: long } })).run_id);
await post(`/filters/${encodeURIComponent(long.slice(0, 190))}`, { query: "tag=a" }, "PUT");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 360, height: 800 } });
for (const path of ["/runs", `/runs?workflow=${slug}&q=${encodeURIComponent(long.slice(0, 40))}&started_by=${encodeURIComponent(long.slice(0, 190))}&from=2026-01-01`, "/runs?select=all", "/runs?status=failed&status=waiting&q=nothing+like+that", "/runs?older=1.a", "/runs?from=yesterday", `/runs/bulk?act=cancel&run=${runs.join("&run=")}`]) {
  await page.goto(url + path); await page.waitForTimeout(800);
  const found = await page.evaluate(() => { const w = document.documentElement.scrollWidth; const out = []; for (const e of document.querySelectorAll("body *")) { const r = e.getBoundingClientRect(); if ((r.right > 360.5 || e.scrollWidth > 361) && r.width > 0) out.push(`${e.tagName}.${e.className} ${Math.round(r.left)}-${Math.round(r.right)}`); } return [w, out.slice(0, 12)]; });
  console.log(path.slice(0, 50), JSON.stringify(found));
}
await browser.close(); server.kill();
