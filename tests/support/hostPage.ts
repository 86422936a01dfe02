import type { Page } from 'playwright-core';
import { until } from './until.js';

/** Returns the parts of the terminals of a host in a page. */
export function terminalPage(page: Page) {
  /** The visible lines, without the spaces at their ends and without empty lines at the end. */
  const screen = async (): Promise<string> => {
    const text = await page.locator('.xterm-rows').innerText();
    const lines = text.replaceAll('\u00a0', ' ').split('\n');
    return lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  };
  const shows = (what: string | RegExp, ms?: number): Promise<string> => {
    let text = '';
    const look = async () => {
      text = await screen();
      return (typeof what === 'string' ? text.includes(what) : what.test(text)) && text;
    };
    return until(`the terminal shows ${String(what)}`, look, ms).catch((thrown: unknown) => {
      throw new Error(`${String(thrown)}\n${text}`, { cause: thrown });
    });
  };
  return {
    screen,
    shows,
    input: page.getByRole('textbox', { name: /^Terminal / }),
    takeKeyboard: page.getByRole('button', { name: 'Take the keyboard' }),
    /** A key of the row of keys of a phone. */
    key: (name: string) => page.getByRole('toolbar', { name: 'Keys' }).getByRole('button', { name, exact: true }),
    /** Types a line, and waits for what it prints. `printed` must not be in the line itself. */
    run: async (line: string, printed: string | RegExp): Promise<string> => {
      await page.keyboard.type(line);
      await page.keyboard.press('Enter');
      return shows(printed);
    },
  };
}
