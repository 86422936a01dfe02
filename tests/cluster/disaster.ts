import { parseNatsAccess } from '@pizzapi/process';
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { ClusterStack } from '../bench/harness/clusterStack.js';
import { SteadyInputs } from '../bench/harness/steadyInputs.js';
import { runCli } from '../support/cli.js';
import { expectCompleteLog } from '../support/expectCompleteLog.js';
import { startLocalStack } from '../support/localStack.js';
import { readLog } from '../support/log.js';
import { tell, textsOf, untilHosted, watch } from '../support/viewer.js';

/** A backup of a cluster, with a session that it has. */
export interface ClusterBackup {
  folder: string;
  sid: string;
  /** What the owner had said when the backup was made. */
  said: string;
}

const SAID = 'Said before the loss';

/** Backs up a cluster twice while an agent writes, and folds what the backup has. */
export async function backUpRunning(stack: ClusterStack, sid: string): Promise<ClusterBackup> {
  const folder = join(dirname(stack.home), 'backup');
  const users = parseNatsAccess(JSON.parse(readFileSync(join(stack.home, 'nats', 'credentials.json'), 'utf8')))?.users;
  const env = { PIZZAPI_NATS_URL: stack.natsUrl, PIZZAPI_NATS_ADMIN_NKEY: users?.admin.nkeySeed };
  const backUp = async (...flags: string[]) => {
    const { code, stdout, stderr } = await runCli({ home: stack.home, env }, 'backup', folder, '--json', ...flags);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as { verified?: { equal: number } };
  };
  const watcher = watch(stack, sid);
  await tell(stack, sid, SAID);
  await watcher.next('agent_end');
  watcher.close();
  const writer = new SteadyInputs(stack, sid);
  await backUp();
  // Adds what came meanwhile.
  expect((await backUp('--verify')).verified?.equal).toBeGreaterThan(0);
  await writer.stop();
  return { folder, sid, said: SAID };
}

/**
 * Restores the backup into another installation with more partitions, and gives it the runner of the session, as after the loss of
 * all servers. The session is there with what was said, and its host continues it.
 */
export async function resumeElsewhere(stack: ClusterStack, { folder, sid, said }: ClusterBackup): Promise<void> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-restored-')));
  const home = join(root, 'state');
  try {
    const args = ['restore', folder, '--home', home, '--partitions', '3', '--verify', '--json'];
    const { code, stdout, stderr } = await runCli({ home }, ...args);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ partitions: 3, left: { erased: 0, unowned: 0, missingFiles: 0 } });
    cpSync(join(stack.home, 'gateway.json'), join(home, 'gateway.json'));
    cpSync(join(stack.home, 'runner-1', 'runner'), join(home, 'runner'), { recursive: true });

    const env = { HOME: dirname(stack.project), PIZZAPI_PARTITIONS: '3' };
    const restored = { ...(await startLocalStack(env, { root })), project: stack.project };
    try {
      await untilHosted(restored, sid);
      const watcher = watch(restored, sid);
      await watcher.next('agent_end');
      const { seq: last } = (await readLog(restored, sid)).at(-1)!;
      await tell(restored, sid, 'Said after the loss');
      await watcher.next('agent_end', undefined, last);
      const texts = textsOf(watcher, 'user');
      expect(texts).toContain(said);
      expect(texts.at(-1)).toBe('Said after the loss');
      await expectCompleteLog(restored, sid, watcher);
      watcher.close();
      const epochs = (await readLog(restored, sid)).map(({ epoch }) => epoch);
      expect(epochs).toEqual([...epochs].sort((one, other) => one - other));
      expect(new Set(epochs).size).toBeGreaterThan(1);
    } finally {
      await restored.stop();
    }
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
  expect(existsSync(root)).toBe(false);
}
