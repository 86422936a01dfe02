import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Exported classes, interfaces and type aliases, where they are declared. A schema and its type share a name. */
const DECLARATION = /^export (?:declare )?(?:abstract )?(?:class|interface|type) (\w+)(?=[ <{=])/gm;

it('the name of an exported type is declared in one file only', () => {
  const files = execFileSync('git', ['ls-files', '--', '*.ts'], { encoding: 'utf8' }).split('\n').filter(Boolean);
  const declared = new Map<string, Set<string>>();
  for (const file of files)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(DECLARATION))
      declared.set(name!, (declared.get(name!) ?? new Set()).add(file));
  expect(declared.size).toBeGreaterThan(500);
  expect(
    [...declared].filter(([, { size }]) => size > 1).map(([name, at]) => `${name}: ${[...at].join(', ')}`),
  ).toEqual([]);
});
