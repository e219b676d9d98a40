// Every journey runs twice, with and without scripting, unless its name ends in `.hydrate.spec.ts`, or in
// `.command.spec.ts`: that one needs no page.

import { defineConfig, devices } from "@playwright/test";

const chromium = {
  ...devices["Desktop Chrome"],
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Tests often run as root in a container, where Chromium's own sandbox cannot start.
    args: ["--no-sandbox"],
  },
};

export default defineConfig({
  testDir: "tests",
  // Each worker starts a server of its own, and the machine that runs this is small.
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  // A test that passes only the second time has found something.
  retries: 0,
  // The slowest go through many pages with axe, twice each; on a busy machine that takes a minute.
  timeout: 180_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: { trace: "retain-on-failure" },
  projects: [
    { name: "scripted", use: chromium },
    {
      name: "unscripted",
      testIgnore: /\.(hydrate|command)\.spec\.ts$/,
      use: { ...chromium, javaScriptEnabled: false },
    },
  ],
});
