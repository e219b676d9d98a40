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
  constructor(private readonly page: Page) {}

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

  /** Goes through the page as Tab does until the focus is there, and can be seen to be. */
  private async reach(what: Locator): Promise<void> {
    await expect(what).toBeVisible();
    const here = () => what.evaluate((element) => element === document.activeElement);
    for (let tabs = 0; !(await here()); tabs++) {
      expect(tabs, `${what} can be reached with the Tab key`).toBeLessThan(TABS_MAX);
      await this.page.keyboard.press("Tab");
    }
  }
}
