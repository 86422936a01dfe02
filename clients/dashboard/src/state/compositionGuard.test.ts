import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { isComposedKey } from './compositionGuard.js';

const SOURCES = fileURLToPath(new URL('..', import.meta.url));
const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.(svelte|ts)$/.test(file) && !/\.test\.ts$/.test(file),
);

it.each([
  { isComposing: true, keyCode: 13, composed: true },
  { isComposing: false, keyCode: 229, composed: true },
  { isComposing: false, keyCode: 13, composed: false },
  { isComposing: false, keyCode: 27, composed: false },
])('a key with isComposing=$isComposing and code $keyCode belongs to an input method: $composed', (key) => {
  expect(isComposedKey(key)).toBe(key.composed);
});

/** A handler in the capture phase of the window or of the document could run before the guard, or beside it. */
it('no key handler of the page listens in the capture phase, which the guard of compositions needs for itself', () => {
  const early = sources.filter((file) => {
    if (file.endsWith('compositionGuard.ts')) return false;
    const text = readFileSync(`${SOURCES}/${file}`, 'utf8');
    return /onkey(down|up|press)capture/.test(text) || /addEventListener\(\s*['"`]key\w+['"`]\s*,[^)]*,/.test(text);
  });
  expect(early).toEqual([]);
});

it('the page guards compositions before it mounts anything', () => {
  const main = readFileSync(`${SOURCES}/main.ts`, 'utf8');
  expect(main).toMatch(/^guardCompositions\(window\);[^]*^mount\(/m);
});
