import { createLogger, EXPORTER_SECRETS, openTracing, OPTIONS, OWN_SECRETS, readOptions } from '@pizzapi/process';
import { announceHosted, loadedPi, warmUp } from './pi/index.js';
import { PI_ROOT, WORKER_SOCKET } from './processes.js';
import { Worker } from './worker/worker.js';

/** The process of one session: started by the daemon, which says over a socket what it is to host. */
const log = createLogger({ name: 'worker' });
const { natsUrl } = readOptions({ natsUrl: OPTIONS.natsUrl });
const socket = process.env[WORKER_SOCKET];
const agentDir = process.env['PI_CODING_AGENT_DIR'];
const pi = loadedPi();
const tracing = openTracing('worker', { env: { ...process.env }, log }).finally(() => {
  // The exporter has read them; what the agent starts must not find them.
  for (const name of EXPORTER_SECRETS) delete process.env[name];
});

// Its own login comes over the socket; what the agent starts must not find the way there, nor what a person has set.
for (const name of [...OWN_SECRETS, WORKER_SOCKET, PI_ROOT]) delete process.env[name];

if (socket === undefined) {
  log.error({ code: 'bad_option' }, 'the runner starts workers; do not start one by hand');
  process.exit(1);
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    log.error({ code: 'internal', err: error }, 'worker failed');
    process.exit(1);
  });
}

// Our package in the person's own pi adds nothing here.
announceHosted('runner');

const exit = () => process.exit(0);
const worker = await Worker.listen({ socket, natsUrl, prepared: warmUp(agentDir), pi, log, tracing, exit });
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void worker.terminate());
