import { authorizationConfig, generateCredentials } from '@pizzapi/authenticator';
import { connectBackbone, provision, publishRunnerEvent, type Backbone } from '@pizzapi/backbone';
import { launchNatsServer, processContext, requireNatsServer } from '@pizzapi/nats-server';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, BenchContext } from '../harness/bench.js';
import { CORES, cpuSeconds, pin } from '../harness/cpu.js';
import { median } from '../harness/stats.js';

const IN_FLIGHT = 256;
const BYTES = 300;

/** Writes the configuration of an installation with one more login, which may publish what runners publish. */
function configWith(config: string, user: string, password: string): string {
  return config
    .replace('auth_users: [', `auth_users: [${JSON.stringify(user)}, `)
    .replace('  PIZZAPI_HOSTS {', `  PIZZAPI_HOSTS {\n    users: [ { user: ${user}, password: ${password} } ]`);
}

/**
 * Appends by a connection in the NATS account of the runners and by one in the account of the logs, in turns on one
 * server.
 */
async function run({ report, defer, quick }: BenchContext): Promise<void> {
  const { binary } = await requireNatsServer(processContext());
  const storeDir = await mkdtemp(join(tmpdir(), 'pizzapi-bench-accounts-'));
  const credentials = generateCredentials();
  const config = configWith(authorizationConfig(credentials), 'bench', 'bench');
  const server = await launchNatsServer({ binary, storeDir, config });
  defer(async () => {
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  });
  pin(server.pid, CORES?.server);
  const connect = async (login: object): Promise<Backbone> => {
    const b = await connectBackbone({ url: server.url, name: 'bench', ...login });
    defer(() => b.close());
    return b;
  };
  const logins = {
    'one account': await connect({ nkey: credentials.admin.nkeySeed, provisioner: true }),
    'hosts’ account': await connect({ user: 'bench', password: 'bench' }),
  };
  await provision(logins['one account']);
  const appends = quick ? 20_000 : 60_000;
  const costs: Record<string, number[]> = {};
  for (let round = 0; round < (quick ? 3 : 5); round++) {
    for (const [login, b] of Object.entries(logins)) {
      const before = cpuSeconds(server.pid) ?? Number.NaN;
      await append(b, appends);
      const cost = (((cpuSeconds(server.pid) ?? Number.NaN) - before) / appends) * 1e6;
      // The first round warms the server up.
      if (round > 0) (costs[login] ??= []).push(cost);
    }
  }
  const [alone, crossing] = Object.keys(logins).map((login) => median(costs[login]!)) as [number, number];
  report.run('accounts', `${appends.toLocaleString('en')} appends of ${BYTES} B, ${IN_FLIGHT} in flight`, {
    'one account, nats µs': alone,
    'hosts’ account, nats µs': crossing,
    ratio: crossing / alone,
  });
  report.reach({
    bench: 'accounts',
    figure: 'nats-server’s CPU of an append from the hosts’ account',
    unit: '× in one account',
    target: { most: 2.2 },
    reached: crossing / alone,
  });
}

async function append(b: Backbone, count: number): Promise<void> {
  const text = 'x'.repeat(BYTES);
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const outcome = await publishRunnerEvent(b, 'bench', { type: 'runner_warning', at: 0, code: 'x', message: text });
      if (outcome.kind === 'unavailable') throw new Error('an append was not acknowledged');
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

export const accounts: Bench = { name: 'accounts', title: 'what it costs to append from another account', run };
