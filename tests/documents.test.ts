import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  anchorsOf,
  codeWordsOf,
  filesAt,
  filesBelow,
  linesOf,
  linkProblems,
  linksOf,
  pathProblems,
  reachableFrom,
  type Files,
} from './support/markdown.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAX_README_BYTES = 5_120;
const PACKAGE_README_LINES = { min: 15, max: 40 };

const files = filesAt(ROOT);
const documents = filesBelow(ROOT).filter((path) => path.endsWith('.md'));
const packages = workspaceFolders();

/** Returns the folders of all packages, from the workspaces of the root's package.json. */
function workspaceFolders(): string[] {
  const { workspaces } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { workspaces: string[] };
  return workspaces.flatMap((pattern) =>
    pattern.endsWith('/*')
      ? readdirSync(join(ROOT, pattern.slice(0, -2)))
          .map((name) => `${pattern.slice(0, -2)}/${name}`)
          .filter((folder) => files.exists(`${folder}/package.json`))
      : [pattern],
  );
}

describe('the documents', () => {
  it('the test finds the documents and the packages', () => {
    expect(documents).toContain('README.md');
    expect(documents.length).toBeGreaterThan(40);
    expect(packages).toContain('services/gateway');
    expect(packages.length).toBeGreaterThan(10);
  });

  it.each(documents)('%s has no relative link to a missing file or heading', (path) => {
    expect(linkProblems(path, files)).toEqual([]);
  });

  it.each(documents)('%s names only source files that exist', (path) => {
    expect(pathProblems(path, files, packages)).toEqual([]);
  });

  it('README.md fits into 5,120 bytes', () => {
    expect(statSync(join(ROOT, 'README.md')).size).toBeLessThanOrEqual(MAX_README_BYTES);
  });

  it.each(packages)('the package %s has a README of 15 to 40 lines', (folder) => {
    const readme = `${folder}/README.md`;
    expect(files.exists(readme)).toBe(true);
    expect(linesOf(files.read(readme))).toBeGreaterThanOrEqual(PACKAGE_README_LINES.min);
    expect(linesOf(files.read(readme))).toBeLessThanOrEqual(PACKAGE_README_LINES.max);
  });

  it('every page in docs is reachable from docs/index.md', () => {
    const reached = reachableFrom('docs/index.md', files);
    expect(documents.filter((path) => path.startsWith('docs/') && !reached.has(path))).toEqual([]);
  });
});

describe('the checker of documents', () => {
  /** Files in memory, by path. A path that ends in a slash is a folder. */
  const memory = (texts: Readonly<Record<string, string>>): Files => ({
    exists: (path) => Object.hasOwn(texts, path),
    read: (path) => texts[path]!,
  });

  it('the checker finds links and images, also several on a line, and skips those inside of code', () => {
    const text = [
      'See [a](a.md), ![b](b.png) and [c](c.md#x "title"). Not `[d](d.md)`.',
      '```',
      '[e](e.md)',
      '```',
      '[f]: f.md',
    ].join('\n');
    expect(linksOf(text)).toEqual(['a.md', 'b.png', 'c.md#x', 'f.md']);
  });

  it('the checker names the anchors of headings as GitHub does', () => {
    const text = ['# One word, one meaning', '## `code` & more', '## Twice', '## Twice', '```', '# not', '```'].join(
      '\n',
    );
    const anchors = [...anchorsOf(`${text}\n<a id="own"></a>`)];
    expect(anchors.sort()).toEqual(['code--more', 'one-word-one-meaning', 'own', 'twice', 'twice-1']);
  });

  it('the checker reports a link to a missing file, to a missing heading, and from the root', () => {
    const broken = memory({
      'docs/a.md': '[1](b.md) [2](c.md#there) [3](c.md#gone) [4](#gone) [5](/c.md) [6](https://x.test/y) [7](../d.md)',
      'docs/c.md': '# There',
    });
    expect(linkProblems('docs/a.md', broken)).toEqual([
      'docs/a.md: the link "b.md" leads to no file',
      'docs/a.md: the link "c.md#gone" leads to no heading',
      'docs/a.md: the link "#gone" leads to no heading',
      'docs/a.md: the link "/c.md" is not relative',
      'docs/a.md: the link "../d.md" leads to no file',
    ]);
  });

  it('the checker reads the file of a quoted test, and skips code that is not a path', () => {
    expect(codeWordsOf('`tests/a.test.ts › does it`, `npm run x`, `<home>/y.ts`, `src/z.ts`')).toEqual([
      'tests/a.test.ts',
      'src/z.ts',
    ]);
  });

  it('the checker reports a source path that does not exist, from the root and from a package', () => {
    const some = memory({
      'docs/a.md': '`services/x/src/here.ts`, `services/x/src/gone.ts`, `x/src/here.ts`, `services/y`, `/etc/hosts.js`',
      'services/x/README.md': '`src/here.ts`, `src/gone.ts`, `gone.mjs`, `src/folder`, `Name`, `@scope/x`',
      'services/x/src/here.ts': '',
    });
    expect(pathProblems('docs/a.md', some, ['services/x'])).toEqual([
      'docs/a.md: there is no file services/x/src/gone.ts',
      'docs/a.md: there is no file x/src/here.ts',
      'docs/a.md: there is no file services/y',
    ]);
    expect(pathProblems('services/x/README.md', some, ['services/x'])).toEqual([
      'services/x/README.md: there is no file src/gone.ts',
      'services/x/README.md: there is no file gone.mjs',
      'services/x/README.md: there is no file src/folder',
    ]);
  });

  it('the checker finds the documents that a reader reaches by links, also through cycles, and no others', () => {
    const some = memory({
      'docs/index.md': '[a](a/a.md)',
      'docs/a/a.md': '[back](../index.md#x) [b](b.md)',
      'docs/a/b.md': '',
      'docs/alone.md': '',
    });
    expect([...reachableFrom('docs/index.md', some)]).toEqual(['docs/index.md', 'docs/a/a.md', 'docs/a/b.md']);
  });

  it('the checker counts lines without the empty lines at the end', () => {
    expect(linesOf('a\n\nb\n\n')).toBe(3);
  });
});
