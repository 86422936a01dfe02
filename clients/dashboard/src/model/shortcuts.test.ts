import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isPressed, keySigns, SHORTCUT_GROUPS, SHORTCUTS, type KeyPress } from './shortcuts.js';

const press = (key: string, held: Partial<KeyPress> = {}): KeyPress => ({
  ...{ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false },
  ...held,
});

it('a shortcut is pressed with its own modifiers and no others, and with the ⌘ key as with Ctrl', () => {
  expect(isPressed(press('k', { ctrlKey: true }), 'switch')).toBe(true);
  expect(isPressed(press('k', { metaKey: true }), 'switch')).toBe(true);
  expect(isPressed(press('k'), 'switch')).toBe(false);
  expect(isPressed(press('n'), 'new')).toBe(true);
  expect(isPressed(press('N', { shiftKey: true }), 'new')).toBe(false);
  expect(isPressed(press('n', { altKey: true }), 'new')).toBe(false);
  expect(isPressed(press('Enter', { shiftKey: true }), 'findNext')).toBe(false);
  expect(isPressed(press('Enter', { shiftKey: true }), 'findPrevious')).toBe(true);
});

it('a sign is pressed whether or not the keyboard needs Shift for it', () => {
  expect(isPressed(press('?', { shiftKey: true }), 'help')).toBe(true);
  expect(isPressed(press('?'), 'help')).toBe(true);
  expect(isPressed(press('/', { shiftKey: true }), 'switch')).toBe(true);
});

it('keys are shown by the signs that are printed on them', () => {
  expect(keySigns('Alt+ArrowUp')).toEqual(['Alt', '↑']);
});

it('every shortcut of the dialog has a handler that reads it from the table', () => {
  const root = join(import.meta.dirname, '..');
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(svelte|ts)$/.test(name) && !/\.test\.ts$/.test(name))
    .map((name) => readFileSync(join(root, name), 'utf8'))
    .join('\n');
  // Closing a dialog by Escape is the work of the library of dialogs.
  const names = Object.keys(SHORTCUTS).filter((name) => name !== 'dismiss');
  expect(names.filter((name) => !sources.includes(`isPressed(event, '${name}')`))).toEqual([]);
  expect(new Set(Object.values(SHORTCUTS).map(({ group }) => group))).toEqual(new Set(Object.keys(SHORTCUT_GROUPS)));
});
