import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LEDGER_KEEP_MS, openLedger } from './ledger.js';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pizzapi-ledger-'));
  file = join(dir, 'ledger');
});
afterEach(() => rmSync(dir, { recursive: true }));

test('a command is new once; after a restart it is still known, with its result', () => {
  const before = openLedger(file);
  expect(before.begin('c1', 10)).toBe('new');
  before.finish('c1', { ok: true });
  expect(before.begin('c1', 10)).toBe('seen');
  before.close();
  const after = openLedger(file);
  expect(after.begin('c1', 10)).toBe('seen');
  expect(after.get('c1')).toMatchObject({ seq: 10, result: { ok: true } });
  expect(after.cursor).toBe(10);
  after.close();
});

test('a command that was begun when the process died is open afterwards', () => {
  const died = openLedger(file);
  died.begin('done', 1);
  died.finish('done', null);
  died.begin('halfway', 2);
  const after = openLedger(file);
  expect(after.open().map(({ commandId }) => commandId)).toEqual(['halfway']);
  after.finish('halfway', { ok: false });
  expect(after.open()).toEqual([]);
  died.close();
  after.close();
});

test('a command is known to have been passed on, or not, after each restart', () => {
  const before = openLedger(file);
  before.begin('held', 1);
  before.begin('passed', 2);
  before.passOn('passed');
  before.close();
  // A ledger of an earlier version does not say.
  appendFileSync(file, '{"op":"begin","id":"old","seq":3,"at":0}\n');
  for (const now of [() => 1, () => 2]) {
    const after = openLedger(file, now);
    const passed = ['held', 'passed', 'old'].map((id) => after.get(id)?.isPassedOn);
    expect(passed).toEqual([false, true, true]);
    after.close();
  }
});

test('a torn last line is as if it had not been written', () => {
  const died = openLedger(file);
  died.begin('c1', 1);
  appendFileSync(file, '{"op":"finish","id":"c1","res');
  const after = openLedger(file);
  expect(after.open().map(({ commandId }) => commandId)).toEqual(['c1']);
  expect(after.begin('c2', 2)).toBe('new');
  const last = openLedger(file);
  expect(last.cursor).toBe(2);
  for (const ledger of [died, after, last]) ledger.close();
});

test('what is older than a day goes, the cursor stays', () => {
  const yesterday = openLedger(file, () => 0);
  yesterday.begin('old', 41);
  yesterday.finish('old', null);
  yesterday.close();
  const today = openLedger(file, () => LEDGER_KEEP_MS + 1);
  expect(today.get('old')).toBeUndefined();
  expect(today.cursor).toBe(41);
  expect(readFileSync(file, 'utf8')).not.toContain('old');
  today.close();
});
