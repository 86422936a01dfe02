import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GUARDED, PLAIN } from '../testing/scripts/harmless.js';
import { HOSTILE } from '../testing/scripts/hostile.js';
import { guarded, hasProgram, plainly, Traps, type Harm } from '../testing/traps.js';
import { checkReadOnly } from './readOnlyShell.js';

let traps: Traps;

beforeAll(async () => {
  traps = await Traps.build();
});
afterAll(() => traps.clear());

const isHarmed = ({ changed, ran, connections }: Harm) => changed.length > 0 || ran !== '' || connections > 0;
const unharmed = { changed: [], ran: '', connections: 0 };

it('the collections of scripts have a size worth the name, and each script once', () => {
  const harmless = [...PLAIN, ...GUARDED];
  const hostile = HOSTILE.map(({ script }) => script);
  for (const scripts of [harmless, hostile]) {
    expect(scripts.length).toBeGreaterThanOrEqual(150);
    expect(new Set(scripts).size).toBe(scripts.length);
  }
});

describe('a script that does harm', () => {
  it.each(HOSTILE.map((entry) => [entry.script, entry] as const))('%s', async (script, { needs, unrun }) => {
    const written = script.replaceAll('{DIR}', '/tmp/traps').replaceAll('{PORT}', '8080');
    expect(checkReadOnly(written)).toMatchObject({ readOnly: false });
    if (unrun !== undefined || (needs !== undefined && !hasProgram(needs))) return;
    const harm = await traps.runPlainly(script);
    expect(isHarmed(harm), harm.output).toBe(true);
  });
});

describe('a script that only reads, whatever runs it', () => {
  it.each(PLAIN)('%s', async (script) => {
    expect(checkReadOnly(script)).toEqual({ readOnly: true, guarded: false });
    expect(await traps.runHarmless(script, plainly)).toMatchObject(unharmed);
    expect(await traps.runHarmless(script, guarded())).toMatchObject(unharmed);
  });
});

describe('a script that only reads, as it is run', () => {
  it.each(GUARDED)('%s', async (script) => {
    expect(checkReadOnly(script)).toEqual({ readOnly: true, guarded: true });
    expect(await traps.runHarmless(script, guarded())).toMatchObject(unharmed);
  });
});

it('git still says what it is asked', async () => {
  const says = async (script: string) => (await traps.runHarmless(script, guarded())).output;
  expect(await says('git status --short')).toContain(' M notes.txt');
  expect(await says('git diff')).toContain('+sugar');
  expect(await says('git -C src log --oneline -1 | cat')).toContain('Merge');
  expect(await says('git show HEAD:notes.txt')).toBe('dough\nwater\nyeast\n');
  expect(await says('git stash list')).toContain('stash@{0}');
  expect(await says('git log nosuch || git branch --list "o*"')).toContain('  other');
  expect(await says('git -C "sub/evil.git" status')).toContain('cannot use bare repository');
});

it('git refuses a repository whose programs cannot be switched off', async () => {
  traps.withSetting('filter.a=b.clean', 'touch out');
  try {
    const harm = await traps.runHarmless('git status', guarded());
    expect(harm).toMatchObject({ ...unharmed, output: 'git: this cannot be switched off: filter.a=b.clean\n' });
  } finally {
    traps.withoutSetting('filter.a=b.clean');
  }
});

it('the traps are set: what is guarded for would do harm without', async () => {
  const scripts = [
    'git status',
    'git diff',
    'git log -p',
    'git stash list -p',
    'git -C sub/evil.git status',
    'git blame notes.txt',
  ];
  for (const script of scripts) {
    const harm = await traps.runPlainly(script);
    expect(harm.ran, `${script}: ${harm.output}`).not.toBe('');
  }
});
