import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { acquirePidLock } from '@pizzapi/process';
import { runnerSpool } from '../daemon/runnerEventPublisher.js';
import { hostHome, type RunnerHome } from '../home.js';

/** How many terminals of one home may share at the same time. */
export const MAX_TERMINALS = 16;

/** The slot of one terminal that shares: an identity, and events that are not sent yet. */
export interface TerminalSlot {
  home: RunnerHome;
  release(): Promise<void>;
}

/**
 * Takes a slot below `<home>/tui` that no living process has: one with events of an earlier terminal, which this one
 * sends, or else the first. Slots are reused, so that the terminals of a person are a few hosts only. Undefined when all
 * are taken.
 */
export async function takeSlot(home: string): Promise<TerminalSlot | undefined> {
  const all = Array.from({ length: MAX_TERMINALS }, (_, n) => hostHome(join(home, 'tui', String(n + 1))));
  const places = await Promise.all(all.map(async (slot) => ({ slot, last: !(await hasLeftovers(slot)) })));
  for (const { slot } of places.sort((a, b) => Number(a.last) - Number(b.last))) {
    for (const folder of [slot.root, slot.sessions, join(slot.root, 'spool')]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    const lock = await acquirePidLock(slot.lock);
    if (lock.kind === 'acquired') return { home: slot, release: lock.release };
  }
  return undefined;
}

const hasLeftovers = async (slot: RunnerHome): Promise<boolean> =>
  existsSync(runnerSpool(slot)) || (await readdir(slot.sessions).catch(() => [])).length > 0;
