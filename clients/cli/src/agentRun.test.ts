import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { failureText, untilAgentEnds, type AgentRunEnd } from './agentRun.js';
import type { Io } from './io.js';
import { scriptedSession } from './testing/scriptedSession.js';

/** Follows a run of these events to its end. */
async function followed(events: object[], said: string[] = []): Promise<AgentRunEnd> {
  const gateway = await scriptedSession();
  const sink = () => new Writable({ write: (chunk, _encoding, done) => (said.push(String(chunk)), done()) });
  const io: Io = {
    ...{ stdin: Readable.from([]), stdout: sink(), stderr: sink() },
    ...{ env: {}, colour: false, terminal: { keys: false, asks: false, columns: undefined } },
    ...{ signals: new EventEmitter(), sleep: () => Promise.resolve(), browse: () => undefined },
  };
  try {
    gateway.append(...events);
    return await untilAgentEnds({ url: gateway.url, token: undefined }, 's1', io);
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
      const end = await followed(events);
      expect(end.status).toBe('interrupted');
      expect(end.status !== 'cancelled' && failureText(end, 's1')).toBe(
        'The host was stopped while the agent wrote. Continue with //continue in: pizzapi attach s1',
      );
    }
  });

  it('ends with an error when the model is not there, which refuses the prompt, and says how to choose another one', async () => {
    const model = { provider: 'office', id: 'gone', problem: 'model_unknown' };
    const end = await followed([{ type: 'model_changed', at: 1, model }]);
    expect(end.status !== 'cancelled' && failureText({ ...end }, 's1')).toBe(
      'The agent failed: The runner has no model office/gone. Choose another one with //model in: pizzapi attach s1',
    );
  });

  it('says what of the folder is not loaded and how to allow it, and does not wait for the answer', async () => {
    const prompt = { promptId: 't1', pluginNames: ['deploy.ts', 'Set\u001b[2Jtings'], pluginSummaries: [] };
    const said: string[] = [];
    const message = { role: 'assistant', content: [{ type: 'text', text: 'Done' }], stopReason: 'stop' };
    const end = await followed(
      [
        { type: 'plugin_trust_required', at: 1, prompt },
        { type: 'agent_start', at: 1 },
        { type: 'message_end', at: 1, messageId: 'm', message },
        { type: 'agent_end', at: 1 },
      ],
      said,
    );
    expect(end).toMatchObject({ status: 'completed', text: 'Done' });
    expect(said.join('')).toContain('deploy.ts, Settings');
    expect(said.join('')).toContain('-- --approve');
    expect(said.join('')).not.toContain('The agent waits');
  });
});
