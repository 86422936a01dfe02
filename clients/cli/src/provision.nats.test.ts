import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNkeySeed, openNkey, stateSeedOf } from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from './testing/run.js';

const nkeySeed = createNkeySeed('user');
let nats: TestNats;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  const user = (seed: string) => `{ jetstream: enabled, users: [ { nkey: ${openNkey(seed).publicKey} } ] }`;
  const config = `accounts { LOG ${user(nkeySeed)}, STATE ${user(stateSeedOf(nkeySeed))} }`;
  nats = await startTestNats({ config });
  const home = await mkdtemp(join(tmpdir(), 'pizzapi-provision-'));
  env = { PIZZAPI_HOME: home, PIZZAPI_NATS_URL: nats.url, PIZZAPI_NATS_ADMIN_NKEY: nkeySeed };
});
afterAll(async () => {
  await nats.stop();
  await rm(env['PIZZAPI_HOME']!, { recursive: true, force: true });
});

it('provision creates the streams, prints what it changed, and changes nothing the second time', async () => {
  const first = await run(['provision'], { env });
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toContain('Created SESSIONS with 1 copy\n');
  expect(first.stdout).toContain('Created KV_owners with 1 copy\n');
  expect(await run(['provision'], { env })).toMatchObject({ code: 0, stdout: 'Nothing to change\n' });
  const limited = await run(['provision', '--log-storage', '1 GiB', '--json'], { env });
  expect(JSON.parse(limited.stdout)).toEqual({
    changes: [
      {
        kind: 'updated',
        stream: 'SESSIONS',
        fields: [{ field: 'max_bytes', before: -1, after: 1_073_741_824 }],
      },
    ],
  });
});

it('provision --owner creates the account of the owner once, and never replaces it', async () => {
  const owner = await run(['provision', '--owner'], { env });
  expect(owner).toMatchObject({ code: 0, stdout: 'Created the account of the owner\n' });
  expect(await run(['provision', '--owner'], { env })).toMatchObject({ code: 0, stdout: 'Nothing to change\n' });
  const json = await run(['provision', '--owner', '--json'], { env: { ...env, PIZZAPI_PROVISION_OWNER: 'true' } });
  expect(JSON.parse(json.stdout)).toEqual({ changes: [], ownerCreated: false });
});

it('provision reads the nkey of the provisioner from a file', async () => {
  const file = join(env['PIZZAPI_HOME']!, 'admin-nkey');
  await writeFile(file, `${nkeySeed}\n`);
  const withFile = { ...env, PIZZAPI_NATS_ADMIN_NKEY: '', PIZZAPI_NATS_ADMIN_NKEY_FILE: file };
  expect(await run(['provision'], { env: withFile })).toMatchObject({ code: 0, stdout: 'Nothing to change\n' });
});

it('provision names what is missing: servers for the copies, the address, and the credentials', async () => {
  const copies = await run(['provision', '--replicas', '3'], { env });
  expect(copies).toMatchObject({ code: 2 });
  expect(copies.stderr).toContain('bad_option: nats-server cannot keep 3 copies of the stream ');
  const address = await run(['provision'], { env: { ...env, PIZZAPI_NATS_URL: '' } });
  expect(address.stderr).toContain('PIZZAPI_NATS_URL');
  const login = await run(['provision'], { env: { ...env, PIZZAPI_NATS_ADMIN_NKEY: '' } });
  expect(login.stderr).toContain('no local run has created it yet');
});
