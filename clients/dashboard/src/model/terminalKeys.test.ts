import { expect, it } from 'vitest';
import { extraKeyInput, withModifiers } from './terminalKeys.js';

const NONE = { ctrl: false, alt: false };
const CTRL = { ctrl: true, alt: false };
const ALT = { ctrl: false, alt: true };

it('the keys of a phone send what those of a keyboard send', () => {
  expect(extraKeyInput('Escape', NONE, false)).toBe('\x1b');
  expect(extraKeyInput('Tab', NONE, false)).toBe('\t');
  expect(extraKeyInput('ArrowUp', NONE, false)).toBe('\x1b[A');
  expect(extraKeyInput('ArrowUp', NONE, true)).toBe('\x1bOA');
  expect(extraKeyInput('ArrowLeft', CTRL, true)).toBe('\x1b[1;5D');
  expect(extraKeyInput('|', NONE, false)).toBe('|');
  expect(extraKeyInput('/', CTRL, false)).toBe('\x1f');
});

it('a modifier that was pressed before is that of the next character, and of no paste', () => {
  expect([withModifiers('c', CTRL), withModifiers('C', CTRL), withModifiers(' ', CTRL)]).toEqual([
    '\x03',
    '\x03',
    '\0',
  ]);
  expect([withModifiers('b', ALT), withModifiers('b', { ctrl: true, alt: true })]).toEqual(['\x1bb', '\x1b\x02']);
  expect([withModifiers('é', CTRL), withModifiers('cd', CTRL), withModifiers('c', NONE)]).toEqual(['é', 'cd', 'c']);
});
