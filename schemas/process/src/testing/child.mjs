/** The process of `service.test.ts`: a service that behaves as its first argument says. */
import { CodedError } from '@pizzapi/protocol';
import { runService } from '@pizzapi/process';

const how = process.argv[2];
const say = (word) => process.stdout.write(`${word}\n`);
const forever = new Promise(() => setInterval(() => undefined, 1000));

const service = {
  name: 'child',
  async run() {
    say('running');
    if (how === 'ends') return;
    if (how === 'throws') throw new Error('broken');
    if (how === 'throws later')
      setImmediate(() => Promise.reject(new CodedError('stream_drift', 'SESSIONS.retention')));
    await forever;
  },
  async drain() {
    say('draining');
    if (how === 'hangs') await forever;
  },
  async stop() {
    say('stopping');
  },
};

async function start({ signal }) {
  if (how === 'refuses') throw new CodedError('nats_unreachable', 'Nobody answers');
  if (how === 'hangs while it starts') {
    say('starting');
    await forever;
  }
  if (how === 'starts for ever') {
    say('starting');
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
  }
  return service;
}

await runService('child', start, { limitMs: Number(process.argv[3] ?? 10_000), stopWithParent: true });
