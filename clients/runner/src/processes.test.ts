import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isSameProcess, processStart } from '@pizzapi/process';
import { newId } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { awaitExit, SESSION_TAG, sweepSession, taggedProcesses } from './processes.js';

async function tagged(sid: string, script: string): Promise<number> {
  const child = spawn('bash', ['-c', `${script}`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, [SESSION_TAG]: sid },
  });
  await once(child.stdout, 'data');
  return child.pid!;
}

describe('the processes of a session', () => {
  it('are found by their tag and ended, also those that will not hear of it', async () => {
    const sid = newId('s');
    const soft = await tagged(sid, 'echo up; sleep 300');
    const hard = await tagged(sid, 'trap "" TERM; echo up; while :; do sleep 0.05; done');
    const other = await tagged(`${sid}x`, 'echo up; sleep 300');
    expect(await taggedProcesses(sid)).toEqual(expect.arrayContaining([soft, hard]));
    expect(await taggedProcesses(sid)).not.toContain(other);
    expect(await sweepSession(sid)).toEqual([]);
    expect(await taggedProcesses(sid)).toEqual([]);
    expect(await processStart(hard)).toBeUndefined();
    expect(await processStart(other)).toBeDefined();
    await sweepSession(`${sid}x`);
  });

  it('can be spared', async () => {
    const sid = newId('s');
    const pid = await tagged(sid, 'echo up; exec sleep 300');
    await sweepSession(sid, [pid]);
    // While it becomes another program its environment cannot be read.
    await expect.poll(() => taggedProcesses(sid)).toEqual([pid]);
    await sweepSession(sid);
    expect(await awaitExit(pid, 1_000)).toBe(true);
  });

  it('are told from later ones of the same number by when they started', async () => {
    const start = (await processStart(process.pid))!;
    expect(await isSameProcess(process.pid, start)).toBe(true);
    expect(await isSameProcess(process.pid, `${start}0`)).toBe(false);
  });
});
