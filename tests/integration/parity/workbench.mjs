// Runs the workbench as WASM outside of a browser: `node workbench.mjs FOLDER`, where FOLDER is what wasm-bindgen made
// (`target/client`). Each line of its input is a question as JSON; each line of its output is `[milliseconds, answer]`.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = resolve(process.argv[2]);
const { initSync, answer } = await import(pathToFileURL(`${folder}/workbench.js`));
initSync({ module: readFileSync(`${folder}/workbench_bg.wasm`) });

for await (const line of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const answered = answer(line);
  const took = performance.now() - began;
  if (!process.stdout.write(`${JSON.stringify([took, answered])}\n`)) {
    await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}
