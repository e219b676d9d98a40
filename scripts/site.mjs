// Turns the compiled client, the styles and the public files into the folder that the server embeds:
// bundles the styles, puts a hash of the content into each name that a page asks for, and keeps a
// Brotli and a gzip copy beside every file that shrinks. Of what is large only these stay: the server
// unpacks it for the few that take neither.
//
// Usage: node scripts/site.mjs CLIENT_FOLDER SITE_FOLDER
// CLIENT_FOLDER holds what wasm-bindgen wrote. SITE_FOLDER is made anew; site.json, the manifest,
// is written last, so whoever sees a new one can rely on the rest.

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, extname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { transformSync } from "esbuild";
import { bundle } from "lightningcss";
import { packing } from "./packs.mjs";

const LOADER = "__wasm_split.js"; // As `wasm-split-cli` calls what it writes.
// What stands on pages of another part: what that has need not come again. Elsewhere it is fetched one by one.
const HOST = { acts: "run", gate: "run", log: "run" };
const HASH_DIGITS = 16; // The server takes a name with this many hexadecimal digits as immutable.
const BROTLI_QUALITY = 11;
const GZIP_LEVEL = 9;
const LARGE_BYTES = 50_000;
const COMPRESSIBLE = new Set([".css", ".js", ".json", ".pack", ".svg", ".txt", ".wasm", ".webmanifest"]);
// Browsers in which the client's WASM and the styles' nesting work; older ones get no translation.
const SCRIPTS = "es2022"; // What those browsers read.
const BROWSERS = { chrome: 120 << 16, firefox: 120 << 16, safari: (17 << 16) | (4 << 8) };

const [clientFolder, siteFolder] = process.argv.slice(2);
if (!clientFolder || !siteFolder) {
  console.error("usage: node scripts/site.mjs CLIENT_FOLDER SITE_FOLDER");
  process.exit(2);
}

const brotlis = new Map();
rmSync(siteFolder, { recursive: true, force: true });
mkdirSync(join(siteFolder, "pkg"), { recursive: true });
cpSync("public", siteFolder, { recursive: true });
copySnippets();
const manifest = {
  ...client(),
  style: keep("signalbox.css", bundledStyles()),
  workbench: keep("workbench.js", workbenchScript()),
};
const compressed = filesBelow(siteFolder).filter((file) => COMPRESSIBLE.has(extname(file))).map(compress);
writeFileSync(join(siteFolder, "site.json"), JSON.stringify(manifest, null, 2) + "\n");
report();

/**
 * The client: its script, what every page needs of it, and the files of its parts, which `wasm-split` has made.
 * The script and the loader of the parts name each other, so both carry the hash of the two.
 */
function client() {
  const loader = join(clientFolder, LOADER);
  const wasm = keep("signalbox.wasm", readFileSync(join(clientFolder, "signalbox_bg.wasm")));
  let script = minified(readFileSync(join(clientFolder, "signalbox.js"), "utf8"));
  if (!existsSync(loader)) return { script: keep("signalbox.js", script), wasm };

  let load = readFileSync(loader, "utf8");
  const kept = new Map();
  load = load.replace(/"\.\/(\w+\.wasm)"/g, (_, name) => {
    if (!kept.has(name)) kept.set(name, keep(name, readFileSync(join(clientFolder, name))));
    return JSON.stringify(`./${basename(kept.get(name))}`);
  });
  const [parts, packs] = packed(filesOfParts(load));
  load = minified(packing(load, Object.fromEntries([...parts].map((path) => [basename(path), sizes(path)])), packs));
  const hash = hashOf(script + load);
  // Where they are imported from; the WASM knows the loader by the name that it was linked with.
  script = imported(script, LOADER, `parts.${hash}.js`);
  load = imported(load, "signalbox.js", `signalbox.${hash}.js`);
  const paths = { script: `pkg/signalbox.${hash}.js`, loader: `pkg/parts.${hash}.js` };
  writeFileSync(join(siteFolder, paths.script), script);
  writeFileSync(join(siteFolder, paths.loader), load);
  return { ...paths, wasm, parts: Object.fromEntries(Object.entries(packs).map(([part, [pack]]) => [part, [`pkg/${pack}`]])) };
}

/** All files of the parts, and for each part its pack as the loader knows it. */
function packed(files) {
  const packs = {};
  for (const [part, paths] of Object.entries(files)) {
    const own = paths.filter((path) => !files[HOST[part]]?.includes(path));
    const pack = keep(`part_${part}.pack`, Buffer.concat(own.map((path) => readFileSync(join(siteFolder, path)))));
    packs[part] = [basename(pack), sizes(pack)[1], own.map((path) => basename(path))];
  }
  return [new Set(Object.values(files).flat()), packs];
}

/** How long a file is, and how much of it is sent. */
function sizes(path) {
  const content = readFileSync(join(siteFolder, path));
  return [content.length, Math.min(content.length, brotli(content).length)];
}

function imported(text, from, to) {
  if (!text.includes(`from"./${from}"`)) throw new Error(`${from} is not imported as it was`);
  return text.replaceAll(`from"./${from}"`, `from"./${to}"`);
}

function minified(script) {
  return transformSync(script, { minify: true, format: "esm", target: SCRIPTS }).code;
}

/** From the loader: the files of each part, those that it shares with others first. */
function filesOfParts(load) {
  const file = String.raw`"\./(\w+\.[0-9a-f]+\.wasm)"`;
  const shared = new Map();
  for (const [, chunk, name] of load.matchAll(new RegExp(`const (__chunk_\\d+) = makeLoad\\(\\(\\) => \\{[^}]*?${file}`, "gs"))) {
    shared.set(chunk, `pkg/${name}`);
  }
  const parts = {};
  for (const [, part, how, chunks] of load.matchAll(/__wasm_split_load_(\w+) = wrapAsyncCb\(makeLoad\((.*?), \[([^\]]*)\]\)\);/gs)) {
    const own = how.match(new RegExp(file));
    const needed = chunks.split(",").map((chunk) => chunk.trim()).filter(Boolean);
    parts[part] = [...needed.map((chunk) => shared.get(chunk)), ...(own ? [`pkg/${own[1]}`] : [])];
    if (parts[part].includes(undefined)) throw new Error(`a file of the part ${part} is not known`);
  }
  if (Object.keys(parts).length === 0) throw new Error(`${LOADER} is not as it was: no part is found in it`);
  return parts;
}

/** The worker's script, which names its own two files; their names carry a hash too. */
function workbenchScript() {
  const glue = keep("workbench_glue.js", minified(readFileSync(join(clientFolder, "workbench.js"), "utf8")));
  const wasm = keep("workbench.wasm", readFileSync(join(clientFolder, "workbench_bg.wasm")));
  return readFileSync("src/workbench/worker.js", "utf8")
    .replace("workbench_glue.js", basename(glue))
    .replace("workbench.wasm", basename(wasm));
}

function bundledStyles() {
  return bundle({ filename: "style/main.css", minify: true, targets: BROWSERS }).code;
}

/** Scripts that crates bring along; the client's script imports them by relative paths. */
function copySnippets() {
  const snippets = join(clientFolder, "snippets");
  if (statSync(snippets, { throwIfNoEntry: false })?.isDirectory()) {
    cpSync(snippets, join(siteFolder, "pkg", "snippets"), { recursive: true });
  }
}

/** Writes the file under a name that tells its content, and returns its path in the site. */
function keep(name, content) {
  const hash = hashOf(content);
  const extension = extname(name);
  const path = `pkg/${basename(name, extension)}.${hash}${extension}`;
  writeFileSync(join(siteFolder, path), content);
  return path;
}

function hashOf(content) {
  return createHash("sha256").update(content).digest("hex").slice(0, HASH_DIGITS);
}

/** Takes seconds for what is large, so it is done once for each content. */
function brotli(content) {
  const hash = hashOf(content);
  if (!brotlis.has(hash)) {
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    };
    brotlis.set(hash, brotliCompressSync(content, { params }));
  }
  return brotlis.get(hash);
}

function compress(file) {
  const content = readFileSync(file);
  const small = brotli(content);
  const gzip = gzipSync(content, { level: GZIP_LEVEL });
  if (small.length < content.length) writeFileSync(`${file}.br`, small);
  if (gzip.length < content.length) writeFileSync(`${file}.gz`, gzip);
  if (content.length > LARGE_BYTES && gzip.length < content.length) rmSync(file);
  return { file, brotli: Math.min(small.length, content.length) };
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** What a visit costs, so that growth is noticed: each part with all that it shares with others, as one. */
function report() {
  const sent = new Map(compressed.map(({ file, brotli }) => [relative(siteFolder, file), brotli]));
  const cost = (files) => kilobytes(files.reduce((sum, file) => sum + sent.get(file), 0));
  const workbench = [...sent.keys()].filter((file) => basename(file).startsWith("workbench"));
  const parts = Object.entries(manifest.parts ?? {}).map(([part, files]) => `${part} ${cost(files)}`);
  const shared = [manifest.script, manifest.loader, manifest.wasm].filter(Boolean);
  console.log(`  sent: ${cost(shared)}, styles ${cost([manifest.style])}, workbench ${cost(workbench)}`);
  if (parts.length > 0) console.log(`  parts: ${parts.sort().join(", ")}`);
}

function kilobytes(bytes) {
  return `${Math.ceil(bytes / 1000)} kB`;
}
