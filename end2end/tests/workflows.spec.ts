// Workflows found, copied, deleted and brought back: with and without scripting.

import { type APIRequestContext, type Locator, type Page, expect, open, test } from "../support/fixtures";

const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?" };

/** A word that no other test, project or repetition has. */
function mark(): string {
  const { project, repeatEachIndex, title } = test.info();
  return `${project.name}${repeatEachIndex}${title.replace(/\W/g, "").slice(0, 12)}`;
}

async function create(request: APIRequestContext, name: string, tags: string[] = []): Promise<string> {
  const answer = await request.post("/api/v1/workflows", {
    data: { name, tags, description: `About ${name}.`, steps: [ask] },
  });
  return (await answer.json()).slug;
}

function card(page: Page, name: string): Locator {
  return page.getByRole("article").filter({ has: page.getByRole("heading", { name, exact: true }) });
}

test("workflows are found by words, by tag and by shelf", async ({ page, request }) => {
  const word = mark();
  await create(request, `${word} one`, ["night", `${word} tag`]);
  await create(request, `${word} two`, ["night"]);
  await open(page, "/workflows");
  await page.getByRole("searchbox").fill(word);
  await page.getByRole("search").getByRole("button", { name: "Search" }).click();
  await expect(page).toHaveURL(new RegExp(`q=${word}`));
  await expect(page.getByRole("article")).toHaveCount(2);
  await expect(page.getByText("2 workflows", { exact: true })).toBeVisible();

  const tags = page.getByRole("navigation", { name: "Tags" });
  await tags.getByRole("link", { name: new RegExp(`^${word} tag`) }).click();
  await expect(page.getByRole("article")).toHaveCount(1);
  await expect(page.getByRole("searchbox")).toHaveValue(word);
  const shelves = page.getByRole("navigation", { name: "Which workflows" });
  await shelves.getByRole("link", { name: /^Mine/ }).click();
  await expect(card(page, `${word} one`)).toBeVisible();
  await page.getByRole("link", { name: "List", exact: true }).click();
  await expect(page).toHaveURL(/filter=mine.*tag=.*q=.*view=list/);
  await expect(card(page, `${word} one`)).toBeVisible();
  await tags.getByRole("link", { name: /chosen/ }).click();
  await expect(page.getByRole("article")).toHaveCount(2);

  await shelves.getByRole("link", { name: /^Templates/ }).click();
  await expect(page.getByText("Nothing fits.")).toBeVisible();
  await page.getByRole("link", { name: "Show them all" }).click();
  await expect(card(page, "Endpoint survey")).toBeVisible();
  await expect(page.getByRole("searchbox")).toHaveValue("");
});

test("a workflow that was deleted by mistake is brought back", async ({ page, request }) => {
  const name = `${mark()} gone`;
  const slug = await create(request, name);
  await open(page, `/workflows?filter=mine&q=${name.split(" ")[0]}`);
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await expect(page.getByRole("status").filter({ hasText: "has been deleted" })).toContainText(name);
  await expect(card(page, name)).toHaveCount(0);
  await page.getByRole("button", { name: `Undo: bring ${name} back` }).click();
  await expect(page.getByRole("status").filter({ hasText: "is back" })).toContainText(name);
  await expect(card(page, name)).toBeVisible();

  // Later, from its own page or from the shelf of deleted ones.
  await open(page, `/workflows/${slug}`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByText("Nothing starts it any more")).toBeVisible();
  await expect(page.getByRole("button", { name: "Start", exact: true })).toHaveCount(0);
  await open(page, `/workflows?q=${name.split(" ")[0]}`);
  await page.getByRole("link", { name: /^Deleted/ }).click();
  await page.getByRole("button", { name: `Restore ${name}` }).click();
  await expect(page.getByRole("status").filter({ hasText: "is back" })).toBeVisible();
  await open(page, `/workflows/${slug}`);
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\//);
});

test("a workflow becomes a template, and is one no longer", async ({ page, request }) => {
  const name = `${mark()} good`;
  const slug = await create(request, name);
  await open(page, `/workflows/${slug}`);
  await page.getByRole("button", { name: "Save as template" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${name} template`);
  await expect(page.getByText("Nothing has begun as it yet.")).toBeVisible();
  await page.getByRole("button", { name: "No longer a template" }).click();
  await expect(page.getByRole("button", { name: "Save as template" })).toBeVisible();
  await open(page, `/workflows?filter=mine&q=${name.split(" ")[0]}`);
  await expect(card(page, `${name} template`)).toBeVisible();
});

test("a workflow is begun as a template, as a copy and as a text", async ({ page, request, complaints }) => {
  const name = `${mark()} first`;
  const slug = await create(request, name);
  await open(page, "/workflows?filter=templates");
  await card(page, "Endpoint survey").getByRole("button", { name: "Use Endpoint survey" }).click();
  await expect(page).toHaveURL(/\/workflows\/new\?draft=/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^Endpoint survey \d+$/);

  await open(page, `/workflows/${slug}`);
  await page.getByRole("button", { name: "Duplicate" }).click();
  await expect(page).toHaveURL(/\/workflows\/new\?draft=/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${name} 2`);

  const file = await (await request.get(`/api/v1/workflows/${slug}/export`)).text();
  await open(page, "/workflows");
  await page.getByText("Import…").click();
  await page.getByLabel("The workflow, as YAML or JSON").fill(file);
  await page.getByRole("button", { name: "Open in the builder" }).click();
  await expect(page.getByRole("alert")).toContainText("already");
  // Chromium logs the wanted status as an error.
  expect(complaints.filter((complaint) => !complaint.includes(" 409 "))).toEqual([]);
  complaints.splice(0);
  await page.getByLabel("The workflow, as YAML or JSON").fill(file.replaceAll(/^(name|slug): .*$/gm, "$1: Pasted"));
  await page.getByRole("button", { name: "Open in the builder" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Pasted");
});

test("the page of a workflow says how it came to be", async ({ page, request }) => {
  const name = `${mark()} told`;
  const slug = await create(request, name, ["told"]);
  const end = { id: "end", kind: "transform", set: { a: 1 } };
  const next = { name, tags: ["told"], steps: [ask, end], edges: [{ from: "ask", to: "end" }] };
  await request.post(`/api/v1/workflows/${slug}/versions?note=A%20better%20question`, { data: next });
  await request.post("/api/v1/runs", { data: { workflow: slug } });
  await open(page, `/workflows/${slug}`);
  await expect(page.getByText("2, published")).toContainText("by local");
  await expect(page.getByText("A better question")).toBeVisible();
  await expect(page.getByRole("img", { name: "Picture of 2 steps." })).toBeVisible();
  await expect(page.locator(".run-list")).toContainText("version 2");
  await expect(page.getByRole("link", { name: "All versions" })).toHaveAttribute("href", `/workflows/${slug}/versions`);
  const file = page.waitForEvent("download");
  await page.getByRole("link", { name: "YAML" }).click();
  expect((await file).suggestedFilename()).toBe(`${slug}.yaml`);
  await page.getByRole("link", { name: "told", exact: true }).click();
  await expect(page).toHaveURL(/\/workflows\?tag=told$/);
  await expect(card(page, name)).toBeVisible();
});

test("what a field begins with is there to the letter, whatever it looks like", async ({ page, request }) => {
  const text = "\n</textarea><b>bold</b> &amp; &lt;\n\nend";
  const properties = { text: { type: "string", format: "textarea", title: "Text", default: text } };
  const name = `</title>Letters ${test.info().project.name} ${test.info().repeatEachIndex}`;
  const data = { name, inputs: { type: "object", properties }, steps: [{ id: "a", kind: "human_gate", show: ["$input.text"] }] };
  const { slug } = await (await request.post("/api/v1/workflows", { data })).json();
  await open(page, `/workflows/${slug}`);
  await expect(page).toHaveTitle(`${name} · Signalbox`);
  await expect(page.getByLabel("Text")).toHaveValue(text);
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page).toHaveURL(/\/runs\//);
  const run = await (await request.get(`/api/v1${new URL(page.url()).pathname}`)).json();
  expect(run.input.text).toBe(text.trim());
});
