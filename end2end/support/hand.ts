// How a person works the page: with a pointer, or with nothing but the keyboard. A journey that is written once with a
// hand runs both ways.

import { type Locator, type Page, expect } from "@playwright/test";

/** Steps of the Tab key after which something counts as out of reach. */
const TABS_MAX = 400;
const OPTIONS_MAX = 80;

export interface Hand {
  /** A button, a link, or what folds something out. */
  press(what: Locator): Promise<void>;
  /** Writes in place of what stands there. */
  fill(field: Locator, text: string): Promise<void>;
  choose(list: Locator, label: string): Promise<void>;
  check(box: Locator): Promise<void>;
}

export class Pointer implements Hand {
  async press(what: Locator): Promise<void> {
    await what.click();
  }

  async fill(field: Locator, text: string): Promise<void> {
    await field.fill(text);
  }

  async choose(list: Locator, label: string): Promise<void> {
    await list.selectOption({ label });
  }

  async check(box: Locator): Promise<void> {
    await box.check();
  }
}

export class Keyboard implements Hand {
  constructor(
    private readonly page: Page,
    /** Takes no way back, as somebody who does not know of it. */
    private readonly onlyOnwards = false,
  ) {}

  async press(what: Locator): Promise<void> {
    await this.reach(what);
    await this.page.keyboard.press("Enter");
  }

  async fill(field: Locator, text: string): Promise<void> {
    await this.reach(field);
    await this.page.keyboard.press("ControlOrMeta+a");
    await this.page.keyboard.type(text);
    await expect(field).toHaveValue(text);
  }

  async choose(list: Locator, label: string): Promise<void> {
    await this.reach(list);
    const chosen = () => list.evaluate((select: HTMLSelectElement) => select.selectedOptions[0]?.label ?? "");
    await this.page.keyboard.press("Home");
    for (let options = 0; (await chosen()) !== label; options++) {
      expect(options, `${label} is in the list`).toBeLessThan(OPTIONS_MAX);
      await this.page.keyboard.press("ArrowDown");
    }
  }

  async check(box: Locator): Promise<void> {
    await this.reach(box);
    await this.page.keyboard.press("Space");
    await expect(box).toBeChecked();
  }

  /** Goes through the page as Tab does, onwards or backwards, until the focus is there. */
  private async reach(what: Locator): Promise<void> {
    await expect(what).toBeVisible();
    // Found once, and again when the page has drawn it anew: a page is searched for longer than a key is pressed.
    let wanted = await what.elementHandle();
    for (let tabs = 0; tabs < TABS_MAX; tabs++) {
      const way = await wanted?.evaluate(wayTo);
      if (way === "here") return;
      if (way === "gone") wanted = await what.elementHandle();
      else await this.page.keyboard.press(way === "onwards" || this.onlyOnwards ? "Tab" : "Shift+Tab");
    }
    throw new Error(`${what} cannot be reached with the Tab key.`);
  }
}

/** Where an element lies, seen from what has the focus. Runs in the page. */
function wayTo(element: Node): "here" | "gone" | "onwards" | "backwards" {
  if (!element.isConnected) return "gone";
  const focused = document.activeElement ?? document.body;
  if (focused === element) return "here";
  const position = focused.compareDocumentPosition(element);
  return position & Node.DOCUMENT_POSITION_FOLLOWING ? "onwards" : "backwards";
}
