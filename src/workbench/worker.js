// The worker around the workbench: each message is a question as JSON, and is answered by one. `scripts/site.mjs` puts the
// names of the two files in place.
import init, { answer } from "./workbench_glue.js";

const ready = init({ module_or_path: new URL("./workbench.wasm", import.meta.url) });

self.onmessage = async ({ data }) => {
  try {
    await ready;
    self.postMessage(answer(data));
  } catch (error) {
    console.error(error);
    self.postMessage('"failed"');
  }
};
