import { writeCredentials } from '@pizzapi/local';
import { processContext, requireNatsServer } from '@pizzapi/nats-server';
import { CREDENTIALS_OPTIONS, readOptions } from '@pizzapi/process';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'pizzapi-nats-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('nats-server accepts its configurations of compose.yaml with the files of `pizzapi credentials`, and not without', async () => {
  const { binary } = await requireNatsServer(processContext());
  const check = (name: string) => {
    copyFileSync(new URL(`../nats/${name}`, import.meta.url), join(folder, name));
    const env = { NATS_NAME: 'nats-1' };
    const { status, stderr } = spawnSync(binary, ['-t', '--config', join(folder, name)], { env, encoding: 'utf8' });
    return { name, status, ...(status === 0 ? {} : { stderr }) };
  };
  expect(check('one.conf').status).toBe(1);
  rmSync(folder, { recursive: true });
  writeCredentials({ ...readOptions(CREDENTIALS_OPTIONS, { nodes: 'nats-1,nats-2,nats-3' }, {}), folder });
  expect(['one.conf', 'three.conf'].map(check)).toEqual([
    { name: 'one.conf', status: 0 },
    { name: 'three.conf', status: 0 },
  ]);
});
