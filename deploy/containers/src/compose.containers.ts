import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const file = fileURLToPath(new URL('../compose.yaml', import.meta.url));
const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0;
if (!hasCompose)
  console.warn('\nSKIPPED: Compose did not check compose.yaml, because `docker compose` is not installed.\n');

describe.skipIf(!hasCompose)('compose.yaml', () => {
  it.each(['one', 'three', 'one,tls', 'three,tls,runner'])('Compose accepts the profiles %s', (profiles) => {
    const env = { ...process.env, COMPOSE_PROFILES: profiles };
    const { status, stderr } = spawnSync('docker', ['compose', '--file', file, 'config', '--quiet'], { env });
    expect([status, stderr.toString()]).toEqual([0, '']);
  });
});
