import { expect, it } from 'vitest';
import { PathIndex, type FoundKind } from './pathIndex.js';

function indexOf(files: ReadonlySet<string>) {
  const asked: (readonly string[])[] = [];
  let now = 0;
  const index = new PathIndex(
    async (paths) => {
      asked.push(paths);
      return paths.map((path): FoundKind => (files.has(path) ? 'file' : null));
    },
    new Map(),
    () => now,
  );
  return { asked, index, pass: (ms: number) => (now += ms) };
}

it('many paths are one question, and each is asked about once', async () => {
  const { asked, index } = indexOf(new Set(['a.ts']));
  expect(index.kindOf('a.ts')).toBeUndefined();
  await Promise.all([index.ask(['a.ts', 'b.ts']), index.ask(['b.ts', 'c.ts'])]);
  expect(asked).toEqual([['a.ts', 'b.ts', 'c.ts']]);
  expect([index.kindOf('a.ts'), index.kindOf('b.ts')]).toEqual(['file', null]);
  await index.ask(['a.ts', 'b.ts']);
  expect(asked).toHaveLength(1);
});

it('a path that was missing is asked about again, because the agent may have made it', async () => {
  const files = new Set<string>();
  const { index, pass } = indexOf(files);
  await index.ask(['new.ts']);
  files.add('new.ts');
  await index.ask(['new.ts']);
  expect(index.kindOf('new.ts')).toBeNull();
  pass(30_000);
  await index.ask(['new.ts']);
  expect(index.kindOf('new.ts')).toBe('file');
});

it('more paths than fit into one question are asked in several, and a host that does not answer ends nothing', async () => {
  const { asked, index } = indexOf(new Set());
  await index.ask(Array.from({ length: 450 }, (_, i) => `f${i}.ts`));
  expect(asked.map(({ length }) => length)).toEqual([200, 200, 50]);
  const silent = new PathIndex(async () => undefined);
  await silent.ask(['a.ts']);
  expect(silent.kindOf('a.ts')).toBeUndefined();
});
