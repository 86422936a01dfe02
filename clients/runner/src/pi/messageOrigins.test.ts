import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foldTranscript, createTranscript, messageText, type Author, type MessageItem } from '@pizzapi/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IS_PI_1, openTestSession, type TestSession } from './testKit.js';

const ANN: Author = { userId: 'ann', via: 'owner', name: 'Ann' };
const BOB: Author = { userId: 's_1', via: 'collab', name: 'Bob' };
const CAT: Author = { userId: 'cat', via: 'api', name: 'Cat' };
const PEOPLE = [ANN, BOB, CAT];

/** A command that answers by itself, one that sends a message to the agent, and an input that is answered. */
const EXTENSION = `
export default function (pi) {
  pi.registerCommand('answers', { description: 'Answers', handler: async (_args, ctx) => ctx.ui.notify('done') });
  pi.registerCommand('writes', { description: 'Writes', handler: async () => pi.sendUserMessage('ok', { deliverAs: 'followUp' }) });
  pi.on('input', (event) => (event.text === 'swallow' ? { action: 'handled' } : { action: 'continue' }));
}
`;

let agentDir: string;
const open: TestSession[] = [];

beforeEach(() => {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-agent-'));
  mkdirSync(join(agentDir, 'extensions'));
  writeFileSync(join(agentDir, 'extensions', 'mine.ts'), EXTENSION);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map((test) => test.close()));
  await rm(agentDir, { recursive: true, force: true });
});

const user = ({ log }: TestSession): MessageItem[] =>
  foldTranscript(
    createTranscript(),
    log.events.map((event, index) => [index + 1, event] as const),
  ).items.filter((item): item is MessageItem => item.kind === 'message' && item.role === 'user');

describe('a message of the agent', () => {
  it('has its own author also after a command that an extension answered, and after equal texts of others', async () => {
    const test = await openTestSession({ agentDir });
    open.push(test);
    const { session, log } = test;
    const send = async (commandId: string, text: string, by: Author) => {
      log.event({ type: 'input_received', at: 1, commandId, text, by, deliverAs: 'prompt' });
      await session.submitInput({ commandId, text, by });
    };
    await send('c1', '/answers', ANN);
    await send('c2', 'ok', BOB);
    await log.next('agent_end');
    await send('c3', '/writes', ANN);
    await log.next('agent_end', 2);
    await send('c4', 'swallow', ANN);
    await send('c5', 'ok', CAT);
    await log.next('agent_end', 3);
    expect(user(test).map(({ by, commandId }) => [by?.name ?? by?.via, commandId])).toEqual([
      ['Bob', 'c2'],
      ['An extension', undefined],
      ['Cat', 'c5'],
    ]);
  });

  const sent = fc.record({
    by: fc.constantFrom(...PEOPLE),
    text: fc.constantFrom('ok', 'ok', 'go on', '/answers', '/writes', 'swallow'),
    deliverAs: fc.constantFrom('prompt' as const, 'steer' as const, 'followUp' as const),
    then: fc.constantFrom('wait', 'wait', 'go on', 'go on', 'stop', 'edit', 'remove', 'first'),
  });

  it('is the input that its event names, for every order of inputs, commands, stops and changes of the queue', async () => {
    const run = async (inputs: readonly (typeof sent extends fc.Arbitrary<infer T> ? T : never)[]) => {
      const test = await openTestSession({ agentDir });
      const { session, log } = test;
      const texts = new Map<string, { text: string; by: Author }>();
      try {
        for (const [index, { by, text, deliverAs, then }] of inputs.entries()) {
          const commandId = `c${index}`;
          texts.set(commandId, { text, by });
          log.event({ type: 'input_received', at: 1, commandId, text, by, deliverAs });
          const submitted = session.submitInput({ commandId, text, by, deliverAs });
          if (then === 'wait') await submitted;
          if (then === 'stop') await session.abort();
          if (then === 'remove') session.queue.remove(commandId, by);
          if (then === 'first') session.queue.sendNow(commandId, by);
          if (then === 'edit' && session.queue.edit(commandId, 'edited', by).kind === 'ok')
            texts.set(commandId, { text: 'edited', by });
        }
        await session.submitInput({ commandId: 'last', text: 'last', by: ANN, deliverAs: 'followUp' });
        await log.until(() => log.all('message_end').some(({ message }) => messageText(message) === 'last'));
        const seen = new Set<string>();
        for (const { origin, message } of log.all('message_end')) {
          if (message.role !== 'user') continue;
          const { commandId, by } = origin!;
          if (commandId === undefined) {
            expect(by.via).toBe('system');
            continue;
          }
          if (commandId === 'last') continue;
          // A guest gives no commands: what begins with a slash is a text then.
          expect({ text: messageText(message), by }).toEqual(texts.get(commandId));
          expect(seen.has(commandId)).toBe(false);
          seen.add(commandId);
        }
        for (const item of user(test)) {
          if (item.commandId !== undefined && item.commandId !== 'last')
            expect(item.by).toEqual(texts.get(item.commandId)!.by);
        }
      } finally {
        await test.close();
      }
    };
    // pi 1.x takes the first text out of its queue that equals the message that starts, also of one that was not queued.
    const ok = { by: ANN, text: 'ok', deliverAs: 'prompt' } as const;
    const equalTexts = [
      { ...ok, then: 'wait' as const },
      { ...ok, then: 'first' as const },
      { ...ok, by: BOB, text: '/writes' as const, then: 'wait' as const },
      { ...ok, then: 'first' as const },
    ];
    await fc.assert(fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 8 }), run), {
      numRuns: 15,
      examples: [[equalTexts]],
    });
  }, 60_000);

  it.runIf(IS_PI_1)(
    'has its own author where pi puts it off until its extensions have seen that it rests',
    async () => {
      const rests = `let once = true;
      pi.on('agent_settled', async (_event, ctx) => { if (once) { once = false; await ctx.ui.confirm('Rest?', ''); } });`;
      writeFileSync(join(agentDir, 'extensions', 'rests.ts'), `export default (pi) => { ${rests} };`);
      const test = await openTestSession({ agentDir });
      open.push(test);
      const { session, log } = test;
      await session.submitInput({ commandId: 'c1', text: 'first', by: ANN });
      const { dialogId } = await log.next('dialog_opened');
      const texts = ['second', '/answers', 'swallow', '/answers', 'third'];
      const authors = [CAT, BOB, ANN, ANN, BOB];
      const sent = texts.map((text, n) => session.submitInput({ commandId: `d${n}`, text, by: authors[n]! }));
      session.answerDialog(dialogId, true, ANN);
      expect(await Promise.all(sent)).toEqual(texts.map(() => ({ kind: 'ok' })));
      await log.until(() => user(test).length === 4 && log.all('agent_end').length === log.all('agent_start').length);
      const messages = user(test).map((item) => [item.commandId, item.by, item.blocks]);
      const ofText = (commandId: string, by: Author, text: string) => [commandId, by, [{ kind: 'text', text }]];
      expect(messages).toEqual([
        ofText('c1', ANN, 'first'),
        ofText('d0', CAT, 'second'),
        ofText('d1', BOB, '/answers'),
        ofText('d4', BOB, 'third'),
      ]);
      // Each input was delivered once: a message with its start, the others by an extension.
      await log.until(() => log.all('input_delivered').length >= 6);
      expect(
        log
          .all('input_delivered')
          .map(({ commandId }) => commandId)
          .sort(),
      ).toEqual(['c1', 'd0', 'd1', 'd2', 'd3', 'd4']);
      expect(log.all('dialog_opened').filter(({ title }) => title === 'done')).toHaveLength(1);
      const at = (type: string, id?: string) =>
        log.events.findIndex(
          (event) => event.type === type && (id === undefined || JSON.stringify(event).includes(id)),
        );
      expect(at('input_delivered', '"d0"')).toBeGreaterThan(at('dialog_resolved'));
    },
  );
});
