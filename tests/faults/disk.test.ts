import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, runCli } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { readLog } from '../support/log.js';
import { canMount, mountSmallDisk, type SmallDisk } from '../support/smallDisk.js';
import { until } from '../support/until.js';
import { apiOf, newSession } from '../support/viewer.js';

if (!canMount) console.warn('SKIPPED: a full disk. Only root on Linux can mount a small disk.');

describe.skipIf(!canMount)('a disk of 200 MB', () => {
  let disk: SmallDisk;
  let stage: LocalStack;
  let sid: string;

  beforeAll(async () => {
    disk = mountSmallDisk(200);
    stage = await startLocalStack({}, { root: disk.root });
    sid = await newSession(stage);
  }, 120_000);
  afterAll(async () => {
    await stage?.stop();
    disk?.remove();
  });

  const readiness = async () => (await fetch(`${stage.url}/readyz`)).text();
  const input = (text: string, idempotencyKey: string) => apiOf(stage).input(sid, { text }, { idempotencyKey });

  it('is enough for a new home; when it is full this is named, and once there is room everything confirmed is there', async () => {
    expect(await readiness()).toBe('ready\n');
    const confirmed: string[] = [];
    for (const key of ['a', 'b', 'c']) {
      const sent = await input(`/demo thinking`, key);
      if (sent.kind === 'ok') confirmed.push(sent.value.commandId);
    }
    expect(confirmed).toHaveLength(3);
    await until('the inputs are carried out', async () => (await delivered()).length === 3);

    disk.fill();
    const refused = await until('an input is refused', async () => {
      const sent = await input('x'.repeat(200_000), 'large');
      return sent.kind === 'failed' && sent;
    });
    expect(refused.error).toMatchObject({ code: 'disk_full' });
    expect(refused.error.message).toMatch(/^The disk of nats-server is full/);
    expect(refused.error.commandId).toMatch(/^c_/);
    expect(await readiness()).toBe('not ready: disk_full\n');
    const doctor = await runCli(stage, 'doctor');
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(/fail {2}disk /);
    expect(doctor.stdout).toMatch(/fail {2}writes +nats-server stores nothing: its disk is full/);
    expect(doctor.stdout).toMatch(/is not ready: the disk of its nats-server is full/);

    disk.empty();
    await until('the gateway is ready again', async () => (await readiness()) === 'ready\n', 60_000);
    const after = await until('an input is stored', async () => {
      const sent = await input('still here?', 'after');
      return sent.kind === 'ok' && sent.value;
    });
    await until('the input is carried out', async () => (await delivered()).includes(after.commandId), 60_000);
    expect((await delivered()).slice(0, 3)).toEqual(confirmed);

    async function delivered(): Promise<string[]> {
      const log = await readLog(stage, sid);
      return log.flatMap(({ event }) => (event.type === 'input_delivered' ? [String(event['commandId'])] : []));
    }
  }, 240_000);

  it('a start on the same home says that the disk is full, and does not hang', async () => {
    await stage.stop();
    disk.fill();
    const { code, stderr } = await start(stage.home);
    expect(code).toBe(1);
    expect(stderr).toMatch(/The disk of .* has .* free; at least 8 MiB are needed\. .*\[disk_full\]/);
    disk.empty();
  });
});

describe.skipIf(!canMount)('a disk of 30 MB', () => {
  it('is refused for a new home with a sentence that says what is missing', async () => {
    const disk = mountSmallDisk(30);
    try {
      const { code, stderr } = await start(`${disk.root}/state`);
      expect(code).toBe(1);
      expect(stderr).toMatch(/The disk of .* has .* free; a new home needs at least 48 MiB\. .*\[disk_full\]/);
      expect(stderr).not.toMatch(/\n {4}at /);
    } finally {
      disk.remove();
    }
  });
});

/** Runs `pizzapi local` until it ends. */
async function start(home: string): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [CLI, 'local', '--home', home, '--no-open', '--json'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearTimeout(timer);
  return { code, stderr };
}
