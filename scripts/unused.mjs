// Takes out of the linked client what is never called. Each view that is drawn as "any view" carries a function for taking
// its page over from the server in pieces, as they arrive (`hydrate_async`). This client takes pages over in one go, but
// the linker sees the function's address in a table and keeps it with all that it calls: a tenth of the client.
//
// Usage: node scripts/unused.mjs LINKED_WASM OUT_WASM
// LINKED_WASM has its relocations and symbols (`--emit-relocs`). The functions keep their places and their lengths, so that
// every address stays, and trap; what only they need is left out by whoever divides the client, who goes by the relocations.
//
// The functions are found by their name, and only those that make the future: what it does is then reached by nobody. The
// compiler keeps one of several functions that are alike, under one of their names, but these are alike only among
// themselves: each answers the table of its own future. Should anybody name one in a call, this fails: then they are in use.
// Who calls them through the table is not seen here: that is `mount::hydrate_lazy` alone, and the house's tests refuse it.

import { readFileSync, writeFileSync } from "node:fs";

const UNUSED = /^_ZN.*IntoAny.*8into_any13hydrate_async17h\w{16}E$|^_RINvNv.*7IntoAny8into_any13hydrate_async/; // In either mangling.

// Sections, kinds and entries, as in the WebAssembly specification and in the tool conventions' "Linking" document.
const [CUSTOM, IMPORT, CODE] = [0, 2, 10];
const IMPORTED = { function: 0, table: 1, memory: 2, global: 3, tag: 4 };
const [FUNCTION_SYMBOL, DATA_SYMBOL, SECTION_SYMBOL] = [0, 1, 3];
const SYMBOL_TABLE = 8;
const [UNDEFINED, EXPLICIT_NAME] = [0x10, 0x40];
const CALL = 0; // A function's index in an instruction.
const WITH_ADDEND = new Set([3, 4, 5, 8, 9, 11, 14, 15, 16, 17, 21, 22, 23, 25]);
const [UNREACHABLE, NOP, END] = [0x00, 0x01, 0x0b];

/** Reads numbers and names from the linked file, from one place on. */
class Reader {
  constructor(at) {
    this.at = at;
  }

  byte() {
    return bytes[this.at++];
  }

  skip(count) {
    this.at += count;
  }

  /** LEB128; one with a sign is only ever passed over. */
  number() {
    let [value, shift, byte] = [0, 1, 0];
    do {
      byte = this.byte();
      value += (byte & 0x7f) * shift;
      shift *= 128;
    } while (byte & 0x80);
    return value;
  }

  text() {
    const length = this.number();
    this.skip(length);
    return bytes.toString("utf8", this.at - length, this.at);
  }
}

const [linked, out] = process.argv.slice(2);
if (!linked || !out) {
  console.error("usage: node scripts/unused.mjs LINKED_WASM OUT_WASM");
  process.exit(2);
}

const bytes = readFileSync(linked);
const sections = sectionsOf(bytes);
const imported = importedFunctions(section((at) => at.id === IMPORT));
const code = section((at) => at.id === CODE);
const bodies = bodiesOf(code);
const relocations = section((at) => at.name === "reloc.CODE");
const symbols = functionSymbols(section((at) => at.name === "linking"));
const unused = new Set([...symbols.values()].filter(({ name }) => UNUSED.test(name)).map(({ index }) => index));
if (unused.size === 0) throw new Error("nothing is unused: the library draws otherwise now, and this script can go");

const kept = relocationsWithout(relocations);
for (const index of unused) empty(index);
writeFileSync(out, Buffer.concat([bytes.subarray(0, relocations.start), kept, bytes.subarray(relocations.end)]));

function section(wanted) {
  const found = sections.find(wanted);
  if (!found) throw new Error(`${linked} has not been linked with --emit-relocs`);
  return found;
}

/** Of each: its id, the name of a custom one, where it begins, where its content does, and where it ends. */
function sectionsOf(bytes) {
  const found = [];
  const reader = new Reader(8); // Behind the magic number and the version.
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    const end = reader.number() + reader.at;
    const name = id === CUSTOM ? reader.text() : undefined;
    found.push({ id, name, start, content: reader.at, end });
    reader.at = end;
  }
  return found;
}

/** How many: they come first in the index of functions. */
function importedFunctions({ content }) {
  const reader = new Reader(content);
  let functions = 0;
  for (let left = reader.number(); left > 0; left--) {
    reader.text();
    reader.text();
    const kind = reader.byte();
    if (kind === IMPORTED.function) functions++;
    if (kind === IMPORTED.table || kind === IMPORTED.tag) reader.skip(1);
    if (kind === IMPORTED.global) reader.skip(2);
    else if (kind === IMPORTED.function || kind === IMPORTED.tag) reader.number();
    else limits(reader);
  }
  return functions;
}

/** Of a table or of memory. */
function limits(reader) {
  const hasMost = reader.byte() & 1;
  reader.number();
  if (hasMost) reader.number();
}

/** Where the body of each function begins and ends. */
function bodiesOf({ content }) {
  const reader = new Reader(content);
  return Array.from({ length: reader.number() }, () => {
    const length = reader.number();
    const start = reader.at;
    reader.skip(length);
    return { start, end: reader.at };
  });
}

/** By the index of the symbol, the functions that are defined here: their index and their name. */
function functionSymbols({ content, end }) {
  const reader = new Reader(content);
  const found = new Map();
  reader.number(); // The version.
  while (reader.at < end) {
    const kind = reader.byte();
    const next = reader.number() + reader.at;
    if (kind === SYMBOL_TABLE) {
      const count = reader.number();
      for (let symbol = 0; symbol < count; symbol++) {
        const of = reader.byte();
        const flags = reader.number();
        if (of === DATA_SYMBOL) {
          reader.text();
          if (!(flags & UNDEFINED)) reader.number(), reader.number(), reader.number();
          continue;
        }
        const index = reader.number();
        const isNamed = of !== SECTION_SYMBOL && (!(flags & UNDEFINED) || flags & EXPLICIT_NAME);
        const name = isNamed ? reader.text() : "";
        if (of === FUNCTION_SYMBOL && !(flags & UNDEFINED)) found.set(symbol, { index, name });
      }
    }
    reader.at = next;
  }
  return found;
}

/** The section of relocations without those inside the unused functions; all calls from elsewhere are looked at. */
function relocationsWithout({ content, end }) {
  const reader = new Reader(content);
  const target = reader.number();
  const count = reader.number();
  const entries = [];
  let body = 0;
  for (let entry = 0; entry < count; entry++) {
    const start = reader.at;
    const kind = reader.byte();
    const at = code.content + reader.number();
    const symbol = reader.number();
    if (WITH_ADDEND.has(kind)) reader.number();
    while (bodies[body].end <= at) body++;
    if (at < bodies[body].start) throw new Error("the relocations are not in order");
    const caller = imported + body;
    if (unused.has(caller)) continue;
    const called = symbols.get(symbol);
    if (kind === CALL && called && unused.has(called.index)) {
      const by = [...symbols.values()].find(({ index }) => index === caller)?.name ?? caller;
      throw new Error(`${called.name} is in use: ${by} calls it`);
    }
    entries.push(bytes.subarray(start, reader.at));
  }
  if (reader.at !== end) throw new Error("the relocations are not as the conventions say");
  const name = Buffer.from("reloc.CODE");
  const whole = Buffer.concat([leb(name.length), name, leb(target), leb(entries.length), ...entries]);
  return Buffer.concat([Buffer.from([CUSTOM]), leb(whole.length), whole]);
}

/** As long as before: no variables, a trap, and nothing up to the end. */
function empty(index) {
  const { start, end } = bodies[index - imported];
  bytes.fill(NOP, start, end);
  bytes[start] = 0;
  bytes[start + 1] = UNREACHABLE;
  bytes[end - 1] = END;
}

function leb(number) {
  const written = [];
  do {
    const rest = Math.floor(number / 128);
    written.push((number % 128) | (rest > 0 ? 0x80 : 0));
    number = rest;
  } while (number > 0);
  return Buffer.from(written);
}
