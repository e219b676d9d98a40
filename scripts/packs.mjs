// A part of the client is made of dozens of files: one for each set of parts that have something in common. Fetched one by
// one they are as many requests, and each is compressed by itself: those of the page of a run are a sixth smaller as one. So
// the files of a part lie here together, too, as its pack. The loader takes a pack when less is sent than for the files of
// the part that are not here yet: on a first visit always, later when the parts have little in common.

/** The loader, which fetches through `file` and `unpacked` now. */
export function packing(loader, files, packs) {
  const fetched = loader.replace(/fetch\(new URL\("\.\/(\w+\.\w+\.wasm)", import\.meta\.url\)\)/g, 'file("$1")');
  const loads = /(__wasm_split_load_(\w+) = wrapAsyncCb\()(makeLoad\(.*?, \[[^\]]*\]\))\);/gs;
  const packed = fetched.replace(loads, '$1unpacked("$2", $3));');
  if (packed === fetched || fetched === loader) throw new Error("the loader is not as it was: it fetches otherwise");
  return [
    `const FILES = ${JSON.stringify(files)};`,
    `const PACKS = ${JSON.stringify(packs)};`,
    ...[arriving, file, unpacked].map(String),
    "const asked = new Set();\nconst unpacking = new Map();\n",
    packed,
  ].join("\n");
}

// What follows is part of the loader: it runs in the browser.
//
// FILES: by name, how long the file is and how much of it is sent. PACKS: by part, the name of the pack, how much of it is
// sent, and the names of its files in their order. `asked`: names of files that are here or on their way. `unpacking`: those
// that come in a pack, as promises.

/* global FILES, PACKS, asked, unpacking */

async function arriving(name) {
  const answer = await fetch(new URL(`./${name}`, import.meta.url));
  if (!answer.ok) throw new Error(`${name} was answered with ${answer.status}`);
  return answer;
}

/** A file on its way. One that does not come may be asked for again. */
function file(name) {
  const coming = unpacking.get(name) ?? arriving(name);
  unpacking.delete(name);
  asked.add(name);
  coming.catch(() => asked.delete(name));
  return coming;
}

/** The function that loads a part, which looks first whether its files come as one. */
function unpacked(part, load) {
  return () => {
    const [pack, sent, names] = PACKS[part];
    const missing = names.filter((name) => !asked.has(name));
    if (missing.reduce((sum, name) => sum + FILES[name][1], 0) > sent) {
      const whole = arriving(pack).then((answer) => answer.arrayBuffer());
      let end = 0;
      for (const name of names) {
        const [start, headers] = [end, { "content-type": "application/wasm" }];
        end += FILES[name][0];
        const bytes = [start, end];
        if (asked.has(name)) continue;
        unpacking.set(name, whole.then((all) => new Response(all.slice(...bytes), { headers })));
      }
    }
    return load();
  };
}
