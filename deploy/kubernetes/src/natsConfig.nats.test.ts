import { authorizationConfig, generateCredentials } from '@pizzapi/authenticator';
import { processContext, requireNatsServer } from '@pizzapi/nats-server';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readRendering, type Rendering } from './manifests.js';
import { natsConfigOf, settingsOf } from './settings.js';

/** The output and the exit code of nats-server that only checks its configuration. */
async function check(rendering: Rendering, routePassword: string): Promise<{ code: number | null; output: string }> {
  const { binary } = await requireNatsServer(processContext(() => undefined));
  const folder = mkdtempSync(join(tmpdir(), 'pizzapi-nats-config-'));
  try {
    const manifests = readRendering(rendering);
    writeFileSync(join(folder, 'nats.conf'), natsConfigOf(manifests));
    writeFileSync(join(folder, 'accounts.conf'), authorizationConfig(generateCredentials(), { partitions: 4 }));
    // As Kubernetes does, a variable may name those before it.
    const env: Record<string, string> = {};
    for (const [name, setting] of settingsOf(manifests, 'nats')) {
      const text = {
        text: () => (setting.kind === 'text' ? setting.text : ''),
        secret: () => routePassword,
        field: () => 'pizzapi-nats-0',
      };
      env[name] = text[setting.kind]().replace(/\$\((\w+)\)/g, (whole, other: string) => env[other] ?? whole);
    }
    const { status, stderr } = spawnSync(binary, ['-t', '-c', join(folder, 'nats.conf')], { env, encoding: 'utf8' });
    return { code: status, output: stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('nats-server accepts the configuration of one server', async () => {
  expect(await check('base', '')).toMatchObject({ code: 0 });
});

it('nats-server accepts the configuration of a cluster, also with a password that looks like a number', async () => {
  expect(await check('production', '12345678901234567890')).toMatchObject({ code: 0 });
  expect(await check('production', '7k-with_letters')).toMatchObject({ code: 0 });
});
