import { expect, it } from 'vitest';
import { pathsIn } from './filePaths.js';

const named = (text: string) =>
  pathsIn(text).map(({ path, line }) => (line === undefined ? path : `${path} at ${line}`));

it.each([
  ['See src/app.ts, and docs/a.md.', ['src/app.ts', 'docs/a.md']],
  ['src/app.ts:12:5 - error TS2322', ['src/app.ts at 12']],
  ['at run (/home/ada/x/y.js:10:3)', ['/home/ada/x/y.js at 10']],
  ['src/app.ts(12,5): error', ['src/app.ts at 12']],
  ['[file](src/a b)', ['src/a']],
  ['src/app.ts#L7-L9', ['src/app.ts at 7']],
  ['In ~/notes/todo and ../up and ./x', ['~/notes/todo', '../up', './x']],
  ['README.md: edit it', ['README.md']],
  ['"routes/[id]/+page.svelte"', ['routes/[id]/+page.svelte']],
  ['.gitignore and package.json', ['.gitignore', 'package.json']],
  ['größe/übung.md', ['größe/übung.md']],
  ['--config=deploy/a.yaml and (see docs/b.md)', ['deploy/a.yaml', 'docs/b.md']],
])('"%s" names %j', (text, paths) => {
  expect(named(text)).toEqual(paths);
});

it.each([
  'https://example.com/a/b.ts',
  'see http://a.b/c?d=e/f.ts',
  'git@github.com:a/b.git',
  '/',
  '..',
  '1.2',
  'v1.2.3',
])('"%s" names no file of the host', (text) => {
  expect(named(text)).toEqual([]);
});

it('a mention says where it stands, and a text has a bounded number of them', () => {
  const text = 'Look at src/app.ts:12.';
  const [mention] = pathsIn(text);
  expect(text.slice(mention!.start, mention!.end)).toBe('src/app.ts:12');
  expect(pathsIn('a/b '.repeat(500))).toHaveLength(100);
  const before = performance.now();
  pathsIn('a/'.repeat(100_000));
  pathsIn('.'.repeat(200_000));
  pathsIn(`${'x'.repeat(200_000)}:1`);
  expect(performance.now() - before).toBeLessThan(3_000);
});
