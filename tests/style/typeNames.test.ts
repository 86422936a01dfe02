import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { filesBelow } from '../support/markdown.js';

/** Exported classes, interfaces and type aliases, where they are declared. A schema and its type share a name. */
const DECLARATION = /^export (?:declare )?(?:abstract )?(?:class|interface|type) (\w+)(?=[ <{=])/gm;

it('the name of an exported type is declared in one file only', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const files = filesBelow(root).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
  const declared = new Map<string, Set<string>>();
  for (const file of files)
    for (const [, name] of readFileSync(join(root, file), 'utf8').matchAll(DECLARATION))
      declared.set(name!, (declared.get(name!) ?? new Set()).add(file));
  expect(declared.size).toBeGreaterThan(500);
  expect(
    [...declared].filter(([, { size }]) => size > 1).map(([name, at]) => `${name}: ${[...at].join(', ')}`),
  ).toEqual([]);
});
