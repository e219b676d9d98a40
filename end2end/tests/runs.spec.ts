// The list of runs narrowed, turned, and acted on: with and without scripting.

import { type APIRequestContext, type Page, expect, open, test, until } from "../support/fixtures";

const ask = { id: "ask", name: "Ask", kind: "human_gate", message: "Well?" };

/** A word that no other test, project or repetition has. */
function mark(): string {
  const { project, repeatEachIndex, title } = test.info();
  return `${project.name}${repeatEachIndex}${title.replace(/\W/g, "").slice(0, 12)}`.toLowerCase();
}

async function create(request: APIRequestContext, name: string, tags: string[] = []): Promise<string> {
  const data = { name, tags, inputs: { type: "object" }, steps: [ask] };
  return (await (await request.post("/api/v1/workflows", { data })).json()).slug;
}

async function start(request: APIRequestContext, workflow: string, input: object = {}): Promise<string> {
  return (await (await request.post("/api/v1/runs", { data: { workflow, input } })).json()).run_id;
}

function rows(page: Page) {
  return page.getByRole("region", { name: "Runs" }).getByRole("listitem").filter({ has: page.locator(".run-row") });
}

test("runs are narrowed by a form, and widened again one by one", async ({ page, request }) => {
  const word = mark();
  const slug = await create(request, word, [`${word} tag`]);
  const kept = await start(request, slug, { host: "web 50%", mark: word });
  const cancelled = await start(request, slug, { host: "db", mark: word });
  await request.post(`/api/v1/runs/${cancelled}/cancel`);

  await open(page, "/runs");
  await page.getByRole("searchbox", { name: "Words of the input" }).fill(word);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`q=${word}`));
  await until(page, page.getByText("2 runs", { exact: true }));
  await page.getByRole("checkbox", { name: "Cancelled" }).check();
  await page.getByText("More to narrow it by").click();
  await page.getByLabel("Workflow", { exact: true }).selectOption(slug);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.getByText("1 run", { exact: true })).toBeVisible();
  await expect(rows(page).getByRole("link")).toHaveAttribute("href", `/runs/${cancelled}`);

  const chips = page.getByRole("navigation", { name: "Narrowed by" });
  await chips.getByRole("link", { name: "State: Cancelled" }).click();
  await expect(page.getByText("2 runs", { exact: true })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Cancelled" })).not.toBeChecked();
  await page.getByRole("searchbox", { name: "Words of the input" }).fill("50%");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(rows(page).getByRole("link")).toHaveAttribute("href", `/runs/${kept}`);
  await expect(page.getByRole("searchbox", { name: "Words of the input" })).toHaveValue("50%");
  await page.goBack();
  await expect(page.getByText("2 runs", { exact: true })).toBeVisible();
  await expect(page.getByRole("searchbox", { name: "Words of the input" })).toHaveValue(word);
});

test("filters are taken away one after the other", async ({ page, request }) => {
  const word = mark();
  await start(request, await create(request, word), { mark: word });
  await open(page, `/runs?status=failed&tag=${word}none&q=${word}`);
  const chips = page.getByRole("navigation", { name: "Narrowed by" });
  await chips.getByRole("link", { name: "Tag:" }).click();
  await expect(page).toHaveURL(new RegExp(`/runs\\?status=failed&q=${word}$`));
  await expect(chips.getByRole("link", { name: "Tag:" })).toHaveCount(0);
  await chips.getByRole("link", { name: "State: Failed" }).click();
  await expect(page).toHaveURL(new RegExp(`/runs\\?q=${word}$`));
  await until(page, page.getByText("1 run", { exact: true }));
});

test("what is not found says what to take away", async ({ page, request }) => {
  const word = mark();
  const slug = await create(request, word);
  await start(request, slug, { mark: word });
  await open(page, `/runs?status=failed&q=${word}`);
  await expect(page.getByText("Nothing fits.")).toBeVisible();
  await page.getByRole("link", { name: "Without “State: Failed”" }).click();
  await until(page, page.getByText("1 run", { exact: true }));
});

test("a field that cannot be read is named", async ({ page, complaints }) => {
  await page.goto("/runs?from=yesterday");
  await expect(page.getByRole("alert")).toContainText("`from` is `yesterday`; it takes a day");
  await page.getByRole("link", { name: "Show all runs" }).last().click();
  await expect(page).toHaveURL(/\/runs$/);
  await expect(page.getByRole("alert")).toHaveCount(0);
  // Chromium logs the wanted status as an error.
  expect(complaints.filter((complaint) => !complaint.includes("status of 422"))).toEqual([]);
  complaints.splice(0);
});

test("pages lead there and back", async ({ page, request }) => {
  test.slow();
  const word = mark();
  const slug = await create(request, word);
  for (let n = 0; n < 53; n += 1) await start(request, slug, { n });
  await open(page, `/runs?workflow=${slug}`);
  const pages = page.getByRole("navigation", { name: "Pages of runs" });
  await expect(page.getByText("Runs 1–50 of 53")).toBeVisible();
  await expect(pages.getByRole("link", { name: "Newer" })).toBeHidden();
  const first = await rows(page).first().getByRole("link").getAttribute("href");
  await pages.getByRole("link", { name: "Older" }).click();
  await expect(page.getByText("Runs 51–53 of 53")).toBeVisible();
  await expect(rows(page)).toHaveCount(3);
  await pages.getByRole("link", { name: "Newer", exact: true }).click();
  await expect(page.getByText("Runs 1–50 of 53")).toBeVisible();
  await expect(rows(page).first().getByRole("link")).toHaveAttribute("href", first!);
  await page.goBack();
  await expect(page.getByText("Runs 51–53 of 53")).toBeVisible();
  await page.goForward();
  await expect(page.getByText("Runs 1–50 of 53")).toBeVisible();
});

test("a filter is given a name, another one, and removed", async ({ page }) => {
  const word = mark();
  await open(page, `/runs?q=${word}`);
  await page.getByText("Save this filter, or change saved ones").click();
  await page.getByLabel("Save under the name").fill(`${word} & more`);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("status").filter({ hasText: "The filter is saved." })).toBeVisible();
  await page.goto("/runs");
  const saved = page.getByRole("navigation", { name: "Saved filters" });
  await saved.getByRole("link", { name: `${word} & more` }).click();
  await expect(page).toHaveURL(new RegExp(`q=${word}$`));
  await expect(saved.getByRole("link", { name: `${word} & more` })).toHaveAttribute("aria-current", "page");
  await page.getByText("Save this filter, or change saved ones").click();
  await page.getByLabel(`Another name for “${word} & more”`).fill(`${word} less`);
  await page.getByRole("button", { name: `Rename “${word} & more”` }).click();
  await expect(saved.getByRole("link", { name: `${word} less` })).toBeVisible();
  await page.getByText("Save this filter, or change saved ones").click();
  await page.getByRole("button", { name: `Remove “${word} less”` }).click();
  await expect(saved.getByRole("link", { name: `${word} less` })).toHaveCount(0);
});

test("several runs are cancelled once it is told what would become of each", async ({ page, request }) => {
  const word = mark();
  const slug = await create(request, word);
  for (let n = 0; n < 2; n += 1) await start(request, slug, { n });
  const ended = await start(request, slug, {});
  await request.post(`/api/v1/runs/${ended}/cancel`);
  await open(page, `/runs?workflow=${slug}`);
  await page.getByRole("link", { name: "Choose several…" }).click();
  await expect(page).toHaveURL(/&select$/);
  await page.getByRole("link", { name: "All of this page" }).click();
  await expect(page.getByRole("checkbox", { name: /^Choose / }).first()).toBeChecked();
  await page.getByRole("button", { name: "Cancel…" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Cancel runs?");
  await expect(page.getByText("It would be done with 2 of 3 runs.")).toBeVisible();
  await expect(page.getByText("Is left alone: it has ended already.")).toHaveCount(1);
  await page.getByLabel("Why? (optional)").fill("Not today");
  await page.getByRole("button", { name: "Cancel 2 runs" }).click();
  await expect(page.getByText("Done with 2 of 2 runs.")).toBeVisible();
  await page.getByRole("link", { name: "Back to the list" }).click();
  await expect(page).toHaveURL(new RegExp(`/runs\\?workflow=${slug}$`));
  await until(page, page.getByText("3 runs", { exact: true }));
});
