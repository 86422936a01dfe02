import { describe, expect, it } from 'vitest';
import { askAbout, parseUnified, sideBySide, textOfBase64 } from './unifiedDiff.js';

const DIFF = `diff --git a/x b/x
--- a/x
+++ b/x
@@ -1,3 +1,3 @@ function f() {
 one
-two
-@@ -9 +9 @@
+2
+3
 four
@@ -20 +20,0 @@
-last
\\ No newline at end of file
`;

describe('a unified diff', () => {
  it('has the lines of each hunk with their numbers, also lines that look like headers', () => {
    const hunks = parseUnified(DIFF.replace('-1,3 +1,3', '-1,4 +1,4'));
    expect(hunks.map(({ header, heading }) => [header, heading])).toEqual([
      ['@@ -1,4 +1,4 @@', 'function f() {'],
      ['@@ -20 +20,0 @@', ''],
    ]);
    expect(hunks[0]!.rows).toEqual([
      { kind: 'same', was: 1, now: 1, text: 'one' },
      { kind: 'del', was: 2, text: 'two' },
      { kind: 'del', was: 3, text: '@@ -9 +9 @@' },
      { kind: 'add', now: 2, text: '2' },
      { kind: 'add', now: 3, text: '3' },
      { kind: 'same', was: 4, now: 4, text: 'four' },
    ]);
    expect(hunks[1]!.rows).toEqual([{ kind: 'del', was: 20, text: 'last', endsOpen: true }]);
    expect(parseUnified('@@ -1,9 +1,9 @@\n one')).toMatchObject([{ rows: [{ text: 'one' }] }]);
  });

  it('has replaced lines beside each other', () => {
    const rows = parseUnified('@@ -1,4 +1,4 @@\n-a\n-b\n+A\n c\n+d\n-e\n+E\n')[0]!.rows;
    expect(sideBySide(rows).map(({ was, now }) => [was?.text, now?.text])).toEqual([
      ['a', 'A'],
      ['b', undefined],
      ['c', 'c'],
      [undefined, 'd'],
      ['e', 'E'],
    ]);
  });

  it('is quoted to the agent in a fence that it cannot end', () => {
    const [hunk] = parseUnified('@@ -1 +1 @@\n-```\n+````\n');
    expect(askAbout('a.md', hunk!)).toBe(
      'About this change in a.md:\n\n`````diff\n@@ -1 +1 @@\n-```\n+````\n`````\n\n',
    );
  });

  it('comes in pages that may end within a character', () => {
    const bytes = Buffer.from('aä€');
    const parts = [bytes.subarray(0, 2), bytes.subarray(2)].map((part) => part.toString('base64'));
    expect(textOfBase64(parts)).toBe('aä€');
  });
});
