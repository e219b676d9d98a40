// Turns the compiled client, the styles and the public files into the folder that the server embeds:
// bundles the styles, puts a hash of the content into each name that a page asks for, and keeps a
// Brotli and a gzip copy beside every file that shrinks. Of what is large only these stay: the server
// unpacks it for the few that take neither.
//
// Usage: node scripts/site.mjs CLIENT_FOLDER SITE_FOLDER
// CLIENT_FOLDER holds what wasm-bindgen wrote. SITE_FOLDER is made anew; site.json, the manifest,
// is written last, so whoever sees a new one can rely on the rest.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { bundle } from "lightningcss";

const HASH_DIGITS = 16; // The server takes a name with this many hexadecimal digits as immutable.
const BROTLI_QUALITY = 11;
const GZIP_LEVEL = 9;
const LARGE_BYTES = 1_000_000;
const COMPRESSIBLE = new Set([".css", ".js", ".json", ".svg", ".txt", ".wasm", ".webmanifest"]);
// Browsers in which the client's WASM and the styles' nesting work; older ones get no translation.
const BROWSERS = { chrome: 120 << 16, firefox: 120 << 16, safari: (17 << 16) | (4 << 8) };

const [clientFolder, siteFolder] = process.argv.slice(2);
if (!clientFolder || !siteFolder) {
  console.error("usage: node scripts/site.mjs CLIENT_FOLDER SITE_FOLDER");
  process.exit(2);
}

rmSync(siteFolder, { recursive: true, force: true });
mkdirSync(join(siteFolder, "pkg"), { recursive: true });
cpSync("public", siteFolder, { recursive: true });
copySnippets();
const manifest = {
  script: keep("signalbox.js", readFileSync(join(clientFolder, "signalbox.js"))),
  wasm: keep("signalbox.wasm", readFileSync(join(clientFolder, "signalbox_bg.wasm"))),
  style: keep("signalbox.css", bundledStyles()),
  workbench: keep("workbench.js", workbenchScript()),
};
const compressed = filesBelow(siteFolder).filter((file) => COMPRESSIBLE.has(extname(file))).map(compress);
writeFileSync(join(siteFolder, "site.json"), JSON.stringify(manifest, null, 2) + "\n");
report();

/** The worker's script, which names its own two files; their names carry a hash too. */
function workbenchScript() {
  const glue = keep("workbench_glue.js", readFileSync(join(clientFolder, "workbench.js")));
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
  const hash = createHash("sha256").update(content).digest("hex").slice(0, HASH_DIGITS);
  const extension = extname(name);
  const path = `pkg/${basename(name, extension)}.${hash}${extension}`;
  writeFileSync(join(siteFolder, path), content);
  return path;
}

function compress(file) {
  const content = readFileSync(file);
  const brotli = brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
  const gzip = gzipSync(content, { level: GZIP_LEVEL });
  if (brotli.length < content.length) writeFileSync(`${file}.br`, brotli);
  if (gzip.length < content.length) writeFileSync(`${file}.gz`, gzip);
  if (content.length > LARGE_BYTES && gzip.length < content.length) rmSync(file);
  return { file, plain: content.length, brotli: brotli.length };
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** One line with what a first visit costs, so that growth is noticed. */
function report() {
  const sizes = compressed
    .filter(({ file }) => dirname(file).endsWith("pkg"))
    .map(({ file, plain, brotli }) => `${nameOf(file)} ${kilobytes(plain)} (${kilobytes(brotli)} sent)`);
  console.log(`  client: ${sizes.join(", ")}`);
}

/** Without the hash. */
function nameOf(file) {
  return basename(file).replace(/\.[0-9a-f]{16}\./, ".");
}

function kilobytes(bytes) {
  return `${Math.ceil(bytes / 1000)} kB`;
}
