import { parseFlags, readOptions, runService } from '@pizzapi/process';
import { requirePi } from '@pizzapi/runner/installation';
import { startCluster, type ClusterAddress } from './app.js';
import { CLUSTER_OPTIONS } from './options.js';

const about =
  'Run a distributed installation on this machine: 3 nodes of nats-server, 2 authenticators, 2 projectors, 2 gateways, ' +
  '2 runners and a load balancer.';
const flags = parseFlags('npm run cluster --', about, CLUSTER_OPTIONS, {
  examples: ['npm run cluster', 'npm run cluster -- --home ~/pizzapi-cluster --port 8080', 'npm run cluster -- --json'],
});

await runService(
  'cluster',
  async ({ log, signal, env }) => {
    const options = readOptions(CLUSTER_OPTIONS, flags, env);
    // The runners would end with the same error, but only in their logs.
    await requirePi({}, env);
    const progress = (text: string) => void process.stderr.write(`cluster: ${text}\n`);
    const cluster = await startCluster(options, { log, signal, env, progress });
    announce(cluster.address, cluster.home, options.json, options.home === undefined);
    return cluster;
  },
  { limitMs: 120_000, stopWithParent: true },
);

function announce(address: ClusterAddress, home: string, json: boolean, isTemporary: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(address)}\n`);
    return;
  }
  process.stdout.write(
    [
      '',
      '  The cluster is ready. Open this link to sign in (it works once):',
      '',
      `    ${address.loginUrl}`,
      '',
      `  Load balancer:    ${address.url}`,
      `  Gateways:         ${address.gateways.join('  ')}`,
      `  nats-server:      ${address.natsUrls.join('  ')}`,
      `  Processes:        ${Object.entries(address.pids)
        .map(([name, pid]) => `${name} ${pid}`)
        .join(', ')}`,
      '                    End one by its id: it is started again.',
      `  New link:         npx pizzapi link --home ${home}`,
      `  State and logs:   ${home}${isTemporary ? ' (removed at the end)' : ''}`,
      '  Stop:             Ctrl-C',
      '',
      '',
    ].join('\n'),
  );
}
