import { expect, it } from 'vitest';
import { clipboardRequest } from './terminalClipboard.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');

it('a program can offer a text for the clipboard', () => {
  expect(clipboardRequest(`c;${base64('grüße\nzwei')}`)).toBe('grüße\nzwei');
  expect(clipboardRequest(`;${base64('plain')}`)).toBe('plain');
});

it('a program can neither read nor clear the clipboard, nor put what is no text or too long into it', () => {
  for (const data of ['c;?', 'c;', 'c', 'c;!!', 'c;/w==', `x;${base64('a')}`])
    expect(clipboardRequest(data)).toBeUndefined();
  expect(clipboardRequest(`c;${base64('a'.repeat(300_000))}`)).toBeUndefined();
  expect(clipboardRequest(`c;${base64('a\x1b[201~b')}`)).toBe('a[201~b');
});
