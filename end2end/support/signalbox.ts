// Starts and stops the real server, each with a database of its own in a temporary folder.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const BINARY =
  process.env.SIGNALBOX_BINARY ?? fileURLToPath(new URL("../../target/release/signalbox", import.meta.url));
const READY_MS_MAX = 20_000;
const HEALTH_POLL_MS = 20;

export class Signalbox {
  /** Such as http://127.0.0.1:41234; stays the same over restarts. */
  url = "";
  /** What the server has logged so far, over all restarts. */
  log = "";
  /** From the start of the process to the first answer of the health endpoint, of the last start. */
  startMs = 0;
  private process?: ChildProcess;

  private constructor(
    private readonly folder: string,
    private readonly environment: Record<string, string>,
  ) {}

  /** `environment` adds to the server's environment, such as SIGNALBOX_LOG. */
  static async start(environment: Record<string, string> = {}): Promise<Signalbox> {
    const folder = await mkdtemp(join(tmpdir(), "signalbox-"));
    const signalbox = new Signalbox(folder, environment);
    await signalbox.launch("127.0.0.1:0");
    return signalbox;
  }

  /** Ends the process at once, as a power cut would. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Asks the process to stop in good order. */
  async stop(): Promise<void> {
    await this.end("SIGTERM");
  }

  /** Starts again after `kill` or `stop`, on the same address and the same database. */
  async restart(): Promise<void> {
    await this.launch(new URL(this.url).host);
  }

  /** Stops the process and removes everything it wrote. */
  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async launch(listen: string): Promise<void> {
    const started = performance.now();
    // The folder is the working directory as well: the one file must run from anywhere.
    const child = spawn(BINARY, ["serve", "--listen", listen, "--database", `sqlite:${this.folder}/signalbox.db`], {
      cwd: this.folder,
      env: { ...process.env, ...this.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    child.stderr.on("data", (text) => (this.log += text));
    this.url = await this.readyUrl(child);
    await this.healthy();
    this.startMs = performance.now() - started;
  }

  /** The address that the server prints when it listens; with port 0 only the server knows it. */
  private readyUrl(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string) => reject(new Error(`${reason}\n${this.log}`));
      const timer = setTimeout(() => fail("The server did not become ready."), READY_MS_MAX);
      child.once("error", (error) => fail(`${BINARY} did not start: ${error.message}`));
      child.once("exit", (code) => fail(`The server ended with code ${code}.`));
      createInterface({ input: child.stdout! }).on("line", (line) => {
        const address = /ready at (http:\S+)/.exec(line)?.[1];
        if (address) {
          clearTimeout(timer);
          resolve(address);
        }
      });
    });
  }

  private async healthy(): Promise<void> {
    const deadline = performance.now() + READY_MS_MAX;
    for (;;) {
      const answer = await fetch(`${this.url}/api/v1/health`).catch(() => undefined);
      if (answer?.ok) return;
      if (performance.now() > deadline) throw new Error(`The server is not healthy.\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, HEALTH_POLL_MS));
    }
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}
