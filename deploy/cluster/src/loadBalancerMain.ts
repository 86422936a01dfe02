import { parseFlags, readOptions, runService } from '@pizzapi/process';
import { LoadBalancer } from './loadBalancer.js';
import { LOAD_BALANCER_OPTIONS } from './options.js';
import { parseBackends } from './parseBackends.js';

const about = 'Pass TCP connections to gateways in turn, without affinity. It ends after SIGTERM, when it has drained.';
const flags = parseFlags('load-balancer', about, LOAD_BALANCER_OPTIONS, {
  examples: [
    'node deploy/cluster/dist/bundle/loadBalancerMain.js --port 8080 --backends 127.0.0.1:8081,127.0.0.1:8082',
  ],
});

await runService(
  'load-balancer',
  async ({ log, env }) => {
    const { port, backends } = readOptions(LOAD_BALANCER_OPTIONS, flags, env);
    const balancer = new LoadBalancer({ port, backends: parseBackends(backends), log });
    const listening = await balancer.listen();
    log.info({ port: listening, backends }, 'listening');
    process.send?.({ kind: 'listening', port: listening });
    return balancer;
  },
  { stopWithParent: true },
);
