import type { AuditFields } from '@pizzapi/backbone';
import { beforeEach, describe, expect, it } from 'vitest';
import { pathOf, DenialAuditor, REFUSALS_BURST, REFUSALS_PER_SECOND, type Refusal } from './denialAuditor.js';

const refusal: Refusal = { code: 'unauthenticated', ip: '127.0.0.1', method: 'GET', path: '/api/sessions' };

let now: number;
let rows: AuditFields[];
let counted: number;
let isStored: boolean;
let denials: DenialAuditor;
beforeEach(() => {
  now = 1_000;
  rows = [];
  counted = 0;
  isStored = true;
  denials = new DenialAuditor({
    audit: (kind, fields, onLost) => {
      rows.push({ kind, ...fields });
      if (!isStored) onLost?.();
    },
    metrics: { refusalsSuppressed: (count) => void (counted += count) },
    now: () => now,
  });
});

const note = (times: number) => {
  for (let i = 0; i < times; i++) denials.record(refusal);
};

describe('refusals', () => {
  it('leave a row each', () => {
    note(2);
    expect(rows).toEqual([
      { kind: 'refused', at: 1_000, ...refusal },
      { kind: 'refused', at: 1_000, ...refusal },
    ]);
    expect(counted).toBe(0);
  });

  it('in a flood leave as many rows as the burst, and the next row tells how many it stands for', () => {
    note(REFUSALS_BURST + 500);
    expect(rows).toHaveLength(REFUSALS_BURST);
    expect(counted).toBe(500);
    now += 1_000 / REFUSALS_PER_SECOND;
    note(2);
    expect(rows).toHaveLength(REFUSALS_BURST + 1);
    expect(rows.at(-1)).toMatchObject({ suppressed: 500 });
    now += 1_000;
    note(1);
    expect(rows.at(-1)).toMatchObject({ suppressed: 1 });
    note(1);
    expect(rows.at(-1)).not.toHaveProperty('suppressed');
  });

  it('that go on for a minute leave no more rows than the rate allows', () => {
    for (const end = now + 60_000; now < end; now++) note(1);
    expect(rows.length).toBeLessThanOrEqual(REFUSALS_BURST + 60 * REFUSALS_PER_SECOND);
    expect(rows.length).toBeGreaterThanOrEqual(60 * REFUSALS_PER_SECOND);
    expect(rows.length + counted).toBe(60_000);
  });

  it('get no rows for a clock that is set back', () => {
    note(REFUSALS_BURST);
    now -= 900;
    note(1);
    expect(rows).toHaveLength(REFUSALS_BURST);
  });

  it('whose row could not be stored are told by the next', () => {
    isStored = false;
    note(2);
    isStored = true;
    note(1);
    expect(rows.at(-1)).toMatchObject({ suppressed: 2 });
    expect(counted).toBe(2);
  });
});

it.each([
  ['/api/sessions?token=secret', '/api/sessions'],
  ['/login#secret', '/login'],
  ['/a#b?c', '/a'],
  ['http://user:secret@host/api/x?y', '/api/x'],
  [`/${'x'.repeat(500)}`, `/${'x'.repeat(199)}`],
])('of %s the path alone is kept', (url, path) => {
  expect(pathOf(url)).toBe(path);
});
