import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { missingFunctions } from './boundPi.js';
import { completions } from './extension.js';
import { announceHosted, hostedBy } from './hosted.js';
import { levelsOf } from './model.js';
import { runningPi } from './runningPi.js';
import { openTestPlainPi, type TestPlainPi } from './testKit.js';

let plain: TestPlainPi | undefined;
afterEach(async () => {
  await plain?.close();
  plain = undefined;
  Reflect.deleteProperty(globalThis, Symbol.for('pizzapi.hosted'));
});

it('the words behind /pizzapi reach the sharing, and are not an input of the agent', async () => {
  plain = await openTestPlainPi();
  await plain.pi.prompt('/pizzapi share --collab');
  expect(plain.words).toEqual(['share --collab']);
  expect(plain.pi.sessionManager.getEntries().filter(({ type }) => type === 'message')).toEqual([]);
});

it.each([
  ['runner', 'A runner of PizzaPi hosts this session already'],
  ['terminal', 'Use /share'],
] as const)('in a session that a %s hosts, /pizzapi only says so', async (by, text) => {
  announceHosted(by);
  expect(hostedBy()).toBe(by);
  plain = await openTestPlainPi();
  expect(plain.session).toBeUndefined();
  await plain.pi.prompt('/pizzapi share');
  expect(plain.words).toEqual([]);
  expect(plain.notices.join()).toContain(text);
});

it('a pi that lacks a function is told which', async () => {
  const { PlainPi } = await import('./extension.js');
  const hooks = { onShare: vi.fn(), onStart: vi.fn(), onLeave: vi.fn(), onBug: vi.fn() };
  const outer = new PlainPi(() => hooks);
  plain = await openTestPlainPi((pi) => {
    const old = { ...pi };
    Reflect.deleteProperty(old, 'sendUserMessage');
    expect(missingFunctions(old)).toEqual(['sendUserMessage']);
    outer.load(old);
  });
  await plain.pi.prompt('/pizzapi:2 share');
  expect(plain.notices.join()).toContain('does not have what /pizzapi needs: sendUserMessage');
  expect(hooks.onShare).not.toHaveBeenCalled();
});

it.each([
  ['', null],
  ['sh', ['share', 'share --collab']],
  ['share', null],
  ['share ', ['share --collab']],
  ['x', null],
])('completion of "/pizzapi %s" leaves Enter to whole words', (typed, words) => {
  expect(completions(typed)?.map(({ value }) => value) ?? null).toEqual(words);
});

it('the thinking levels of a model are those that pi offers', () => {
  expect(levelsOf({ reasoning: false })).toEqual(['off']);
  expect(levelsOf({ reasoning: true })).not.toContain('xhigh');
  expect(levelsOf({ reasoning: true, thinkingLevelMap: { xhigh: 'max', off: null } })).toEqual([
    'minimal',
    'low',
    'medium',
    'high',
    'xhigh',
  ]);
});

it("pi's version is that of the package of its program, and unknown for a program of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), 'pizzapi-version-'));
  mkdirSync(join(folder, 'dist'));
  const program = join(folder, 'dist', 'cli.js');
  writeFileSync(program, '');
  expect(runningPi(program)).toMatchObject({ version: 'unknown', root: null, isTested: false });
  writeFileSync(join(folder, 'package.json'), '{"name":"@earendil-works/pi-coding-agent","version":"1.6.0"}');
  expect(runningPi(program)).toMatchObject({ version: '1.6.0', isTested: true });
  expect(runningPi(join(folder, 'none')).version).toBe('unknown');
});
