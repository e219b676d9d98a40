// Figures of the pages in real Chromium: `make bench-pages`. They are printed and never asserted, because machines
// differ; docs/pages.md says what they mean.

import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

export default defineConfig({
  ...tests,
  // Watching itself costs the page too much to be measured beside it.
  use: { ...tests.use, trace: "off" },
  testDir: "performance",
  testMatch: /\.perf\.ts$/,
  workers: 1,
  timeout: 600_000,
  projects: tests.projects!.filter((project) => project.name === "scripted"),
});
