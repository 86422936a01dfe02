import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { untilAgentEnds } from './agentRun.js';
import type { Io } from './io.js';
import { scriptedSession } from './testing/scriptedSession.js';

/** Follows a run of these events, and returns the exit code and what was written for people. */
async function followed(...events: object[]): Promise<{ code: number; stderr: string }> {
  const gateway = await scriptedSession();
  let stderr = '';
  const sink = (write: (text: string) => void) =>
    new Writable({ write: (chunk: Buffer, _encoding, done) => (write(chunk.toString()), done()) });
  const io: Io = {
    ...{ stdin: Readable.from([]), stdout: sink(() => undefined), stderr: sink((text) => (stderr += text)) },
    ...{ env: {}, colour: false, terminal: { keys: false, asks: false, columns: undefined } },
    ...{ signals: new EventEmitter(), sleep: () => Promise.resolve(), browse: () => undefined },
  };
  try {
    gateway.append(...events);
    return { code: await untilAgentEnds({ url: gateway.url, token: undefined }, 's1', io), stderr };
  } finally {
    await gateway.close();
  }
}

describe('run --wait', () => {
  const resumed = { type: 'session_resumed', at: 1, epoch: 2 };

  it('ends with an error when the host is stopped or dies while the agent works, and says how to continue', async () => {
    for (const events of [
      [{ type: 'agent_start', at: 1 }, resumed],
      [
        { type: 'agent_start', at: 1 },
        { type: 'run_interrupted', at: 1 },
        { type: 'agent_end', at: 1 },
      ],
      // It died before the agent began.
      [resumed],
    ]) {
      const { code, stderr } = await followed(...events);
      expect(code).toBe(1);
      expect(stderr).toContain(
        'The host was stopped while the agent wrote. Continue with //continue in: pizzapi attach s1',
      );
    }
  });
});
