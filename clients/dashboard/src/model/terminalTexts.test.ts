import { expect, it } from 'vitest';
import { exitText, lostText, titleText, webAddress, writerText } from './terminalTexts.js';

it('a title is text in one line: it neither turns its surroundings nor grows without end', () => {
  expect(titleText('a\nb\u202ec\x1b[31m<b>')).toBe('a bc<b>');
  expect(titleText('x'.repeat(10_000))).toHaveLength(120);
});

it('an address that is opened leads to the web, and shows where', () => {
  expect(webAddress('https://b\u0430nk.example/a b')).toBe('https://xn--bnk-6cd.example/a%20b');
  for (const other of ['javascript:alert(1)', 'file:///etc/passwd', 'data:text/html,a', 'no address'])
    expect(webAddress(other)).toBeUndefined();
});

it('the end of a shell is said with its code or its signal', () => {
  expect(exitText({ code: 3, signal: null })).toBe('The shell has ended with exit code 3.');
  expect(exitText({ code: null, signal: 'SIGKILL' })).toBe('The shell was ended by the signal SIGKILL.');
});

it('what is lost and who types are said in words', () => {
  expect(lostText(3 * 1024 * 1024)).toBe('The first 3 MiB of its output are not kept any more.');
  expect([writerText('Ann'), writerText('\u200b')]).toEqual([
    'Ann has the keyboard.',
    'Another viewer has the keyboard.',
  ]);
});
