// The published JSON Schema, by a second reader and a second validator (`yaml` and `ajv`): what the executable exports
// fits it, and what is no workflow does not.

import { expect, test } from "@playwright/test";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020.js";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";
import { BINARY, Signalbox } from "../support/signalbox";

const CORPUS = fileURLToPath(new URL("../../tests/corpus/", import.meta.url));
const run = promisify(execFile);

type Change = { op: "add" | "remove" | "replace"; path: string; value?: unknown };
type Bad = { name: string; of: string; change: Change[] };

test.describe.configure({ mode: "serial" });

let signalbox: Signalbox;
let folder: string;
let fits: ValidateFunction;

test.beforeAll(async () => {
  signalbox = await Signalbox.start();
  folder = await mkdtemp(join(tmpdir(), "signalbox-export-"));
  const { stdout } = await run(BINARY, ["schema"]);
  // What `ajv` does not know or finds odd is an error of the schema; `date-time` it leaves to others.
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true, formats: { "date-time": true } });
  fits = ajv.compile(JSON.parse(stdout));
});

test.afterAll(async () => {
  await signalbox.dispose();
  await rm(folder, { recursive: true, force: true });
});

test("what is exported fits the published schema, and says what was imported", async () => {
  const names = (await readdir(join(CORPUS, "good"))).map((file) => basename(file, ".yaml"));
  // A workflow that runs others comes after them; it wants the third version of one.
  names.sort((one, other) => Number(one === "subworkflow") - Number(other === "subworkflow"));
  for (const name of names) {
    await publish(await good(name));
  }
  await run(BINARY, ["export", folder, "--server", signalbox.url]);
  const exported = await readdir(folder);
  expect(exported.length).toBe(names.length);
  for (const file of exported) {
    expectFit(file, parse(await readFile(join(folder, file), "utf8")));
  }
  const { items } = await (await fetch(`${signalbox.url}/api/v1/workflows?filter=templates`)).json();
  expect(items.length).toBeGreaterThanOrEqual(5);
  for (const { slug } of items) {
    const answer = await fetch(`${signalbox.url}/api/v1/workflows/${slug}/export`);
    expectFit(slug, parse(await answer.text()));
  }

  async function publish(text: string): Promise<void> {
    const versions = parse(text).name === "One call" ? 3 : 1;
    const send = (path: string, body: string) =>
      fetch(`${signalbox.url}${path}`, { method: "POST", headers: { "content-type": "application/yaml" }, body });
    const answer = await send("/api/v1/workflows", text);
    expect(answer.status, await answer.clone().text()).toBe(201);
    const created = await answer.json();
    for (let version = 2; version <= versions; version += 1) {
      const next = await send(`/api/v1/workflows/${created.slug}/versions`, `${text}description: Version ${version}\n`);
      expect(next.status, await next.text()).toBe(200);
    }
  }
});

test("what is no workflow does not fit the published schema", async () => {
  const all: Bad[] = parse(await readFile(join(CORPUS, "bad/unreadable.yaml"), "utf8"));
  expect(all.length).toBeGreaterThan(20);
  const taken: string[] = [];
  for (const { name, of, change } of all) {
    const document = change.reduce(changed, parse(await good(of)));
    if (fits(document)) taken.push(name);
  }
  // That is a word of RFC 3339, which the schema names and leaves to whoever checks formats.
  expect(taken).toEqual(["a moment that is none"]);
});

function good(name: string): Promise<string> {
  return readFile(join(CORPUS, "good", `${name}.yaml`), "utf8");
}

function expectFit(name: string, document: unknown): void {
  fits(document);
  expect(fits.errors ?? [], name).toEqual([]);
}

/** One operation of JSON Patch, on a document that may be thrown away. */
function changed(document: any, { op, path, value }: Change): any {
  const parts = path.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = parts.pop();
  if (last === undefined) return value;
  const parent = parts.reduce((inside, part) => inside[part], document);
  if (op === "remove") {
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete parent[last];
  } else if (Array.isArray(parent) && op === "add") {
    parent.splice(last === "-" ? parent.length : Number(last), 0, value);
  } else {
    parent[last] = value;
  }
  return document;
}
