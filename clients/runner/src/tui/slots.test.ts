import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MAX_TERMINALS, takeSlot } from './slots.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-slots-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('every terminal has a slot of its own, and a free slot is used again', async () => {
  const [first, second] = [await takeSlot(home), await takeSlot(home)];
  expect(first?.home.root).toBe(join(home, 'tui', '1'));
  expect(second?.home.root).toBe(join(home, 'tui', '2'));
  await first?.release();
  expect((await takeSlot(home))?.home.root).toBe(first?.home.root);
});

it('the slot of a process that does not run is free', async () => {
  const crashed = await takeSlot(home);
  writeFileSync(crashed!.home.lock, JSON.stringify({ pid: 999_999_999, start: '1' }));
  expect((await takeSlot(home))?.home.root).toBe(crashed!.home.root);
});

it('the slot with events of a crashed terminal is taken first', async () => {
  const [first, crashed] = [await takeSlot(home), await takeSlot(home)];
  writeFileSync(join(crashed!.home.sessions, 's.json'), '{}');
  writeFileSync(crashed!.home.lock, JSON.stringify({ pid: 999_999_999, start: '1' }));
  await first?.release();
  expect((await takeSlot(home))?.home.root).toBe(crashed!.home.root);
  expect((await takeSlot(home))?.home.root).toBe(first?.home.root);
});

it('the number of slots is limited', async () => {
  for (let n = 1; n <= MAX_TERMINALS; n++) expect(await takeSlot(home)).toBeDefined();
  expect(await takeSlot(home)).toBeUndefined();
});
