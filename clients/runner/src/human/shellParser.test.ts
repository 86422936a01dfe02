import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseShell } from './shellParser.js';

/**
 * What bash itself makes of a script. No program is found, so that each command becomes a call of the handler below,
 * which notes its words; the names in these scripts are of no builtin.
 */
const HANDLER = `command_not_found_handle() { printf '%s\\0' "$#" "$@" >> "$NOTES"; return "$CODE"; }`;

let folder: string;
let notes: string;
beforeAll(() => {
  const root = mkdtempSync(join(tmpdir(), 'pizzapi-words-'));
  folder = join(root, 'empty');
  notes = join(root, 'notes');
  mkdirSync(folder);
});
afterAll(() => rmSync(dirname(folder), { recursive: true }));

function runInBash(script: string, code: 0 | 1): string[][] {
  writeFileSync(notes, '');
  // A variable whose value is its own name: what is quoted and what is not looks alike then.
  const env = { PATH: '/nowhere', NOTES: notes, CODE: String(code), HOME: '$HOME', LANG: 'C.UTF-8' };
  try {
    execFileSync('/bin/bash', ['--noprofile', '--norc', '-c', `${HANDLER}\n${script}`], {
      cwd: folder,
      env,
      stdio: 'ignore',
      timeout: 20_000,
    });
  } catch {
    // The status of a script is that of its last command.
  }
  const words = readFileSync(notes, 'utf8').split('\0').slice(0, -1);
  const commands: string[][] = [];
  for (let at = 0; at < words.length; at += Number(words[at]) + 1) {
    commands.push(words.slice(at + 1, at + 1 + Number(words[at])));
  }
  return commands;
}

const sorted = (commands: readonly string[][]) => commands.map((words) => JSON.stringify(words)).sort();

/** Whether a script was read, and then read as bash reads it. */
function holds(script: string): boolean {
  const parsed = parseShell(script);
  if (parsed.kind === 'opaque') return false;
  const ours = parsed.commands.map((words) => words.map(({ text }) => text));
  for (const code of [0, 1] as const) {
    const theirs = runInBash(script, code);
    const left = sorted(ours);
    for (const words of sorted(theirs)) {
      const at = left.indexOf(words);
      expect(at, `bash runs ${words} in ${JSON.stringify(script)}; read were ${JSON.stringify(ours)}`).not.toBe(-1);
      left.splice(at, 1);
    }
    // Which commands of a list run depends on the ones before, and on descriptors that are there. Otherwise all do,
    // except for builtins, which are no calls of the handler.
    const isCalled = (words: string) => /^\["[kzq]/.test(words);
    if (!/&&|\|\||!|<|&-|&\d/.test(script)) expect(left.filter(isCalled), script).toEqual([]);
  }
  return true;
}

const names = fc.constantFrom('k', 'zq', 'qk', '-k', '--zq=k', 'k1');
const special = fc.constantFrom(
  ' ',
  '  ',
  '#',
  ';',
  '&',
  '|',
  '*',
  '?',
  '[',
  ']',
  '{',
  '}',
  '$',
  '!',
  '~',
  'é',
  '\u00a0',
);
const word = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: names },
      fc.tuple(names, special).map(([name, char]) => `'${name}${char}${name}'`),
      fc.tuple(names, special).map(([name, char]) => `"${name}${char}${char === '$' ? '%' : ''}"`),
      special.map((char) => `\\${char}`),
      fc.constantFrom(
        '"$HOME"',
        '$HOME',
        '${HOME}',
        '"${HOME}"',
        '\\\n',
        '""',
        "''",
        '\\\\',
        '"\\""',
        '"\\$k"',
        '"\\k"',
      ),
      fc.constantFrom(
        '*',
        '?',
        '[k]',
        '#',
        '=',
        '%',
        '@',
        ':',
        ',',
        '.',
        '+',
        '^',
        '!',
        '{',
        '}',
        '{}',
        '{k',
        '[',
        ']',
      ),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(''));
const redirection = fc.constantFrom('>/dev/null', '2>&1', '2> /dev/null', '&>/dev/null', '>&2', '2>&-', '< k', '3>&1');
const command = fc
  .tuple(
    names.filter((name) => !name.startsWith('-')),
    fc.array(fc.oneof({ weight: 6, arbitrary: word }, redirection), { maxLength: 4 }),
  )
  .map(([name, rest]) => [name, ...rest].join(' '));
const joint = fc.constantFrom(' | ', '|', '; ', ';', '\n', '\n\n', ' && ', ' || ', ' |& ', ' # k\n', ' \\\n| ', '&&\n');
const structured = fc
  .array(fc.tuple(command, joint), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.map(([text, join_], index) => (index === parts.length - 1 ? text : text + join_)).join(''));

const TOKENS =
  'k|z|q| |  |\t|\n|\\|\\\n|\'|"|$|$HOME|${HOME}|*|?|[|[k]|]|{|}|{k,z}|{1..3}|(|)|;|;;|&|!|! |#| # |=|k=z|<|>|>/dev/null|2>&1|&>|' +
  '<<k|<<<|`|$(|$((|é|\u00a0|-|--k|%|@|@(k)|+|:|,|^|.|if |then |fi|time |{ | }|[[ | ]]|~zq';
const soup = fc
  .array(fc.constantFrom(...TOKENS.split('|'), '|', '||', '&&'), { minLength: 1, maxLength: 12 })
  .map((parts) => `k ${parts.join('')}`);

describe('what is read of a script is what bash makes of it, or nothing is read', () => {
  it.each([
    ['of commands, quoted in every way', structured, 60],
    ['of anything', soup, 30],
  ] as const)(
    '%s',
    (_name, scripts, atLeast) => {
      let read = 0;
      fc.assert(
        fc.property(scripts, (script) => {
          if (holds(script)) read++;
        }),
        { numRuns: 300 },
      );
      // A reader that refuses everything would hold as well.
      expect(read).toBeGreaterThan(atLeast);
    },
    240_000,
  );

  it.each([
    'k "a b" \'c d\' e\\ f',
    'k a\\\nb "c\\\nd"',
    "k 'a'\"b\"c''",
    'k "" \'\'',
    'k "\\$x \\` \\" \\\\ \\n"',
    'k # z\nz',
    'k a#b #c',
    'k $ "$" $% "a$"',
    'k [a [a] a] ] ?* {} {a} a{b }',
    'k ! z | ! z',
    'k =a a=b == -a=b',
    'k 2>&1 1 2 3>&1 z',
    'k\u00a0z é "é"',
    'k if then fi',
    'k \\',
    'k "',
  ])('%s', (script) => void holds(script));
});
