import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { isSameProcess, processStart } from './processStart.js';

it('distinguishes a process from a later one with the same pid by its start', async () => {
  const start = (await processStart(process.pid))!;
  expect(await isSameProcess(process.pid, start)).toBe(true);
  expect(await isSameProcess(process.pid, `${start}0`)).toBe(false);
});

it('returns no start for a process that has ended', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  expect(await processStart(child.pid!)).toBeUndefined();
});
