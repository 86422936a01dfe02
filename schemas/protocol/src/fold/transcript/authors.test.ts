import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Author } from '../../events.js';
import { createTranscript, foldTranscript } from './index.js';
import type { MessageItem } from './index.js';

const PEOPLE: readonly Author[] = [
  { userId: 'ann', via: 'owner', name: 'Ann' },
  { userId: 's_1', via: 'collab', name: 'Bob' },
  { userId: 'ann', via: 'agent', name: 'A child' },
];
const TEXTS = ['ok', 'go on', '/approvals allow'];

/** What can happen to the inputs of a session. `input` is an index into those that wait. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('received' as const), by: fc.nat(2), text: fc.nat(2) }),
  ...(['read', 'answered', 'dropped', 'edited'] as const).map((kind) =>
    fc.record({ kind: fc.constant(kind), input: fc.nat(5) }),
  ),
  fc.record({
    kind: fc.constantFrom('extension' as const, 'resumed' as const, 'stopped' as const, 'started' as const),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Waiting {
  commandId: string;
  text: string;
  by: Author;
}

/** The log of a host, and who wrote each message in truth; undefined for a message of an extension. */
function logOf(steps: readonly Step[], isOld: boolean): { events: unknown[]; truth: Map<string, Author | undefined> } {
  const events: unknown[] = [{ type: 'agent_start', at: 0 }];
  const truth = new Map<string, Author | undefined>();
  let waiting: Waiting[] = [];
  let count = 0;
  const read = (input: Waiting | undefined, text: string) => {
    const messageId = `m${++count}`;
    truth.set(messageId, input?.by);
    const by = input?.by ?? { userId: 'system', via: 'system' };
    const origin = isOld ? {} : { origin: { by, ...(input === undefined ? {} : { commandId: input.commandId }) } };
    events.push({ type: 'message_start', at: 1, messageId, role: 'user', ...origin });
    if (input !== undefined) events.push({ type: 'input_delivered', at: 1, commandId: input.commandId });
    const message = { role: 'user', content: [{ type: 'text', text }] };
    events.push({ type: 'message_end', at: 1, messageId, message, ...origin });
  };
  for (const each of steps) {
    switch (each.kind) {
      case 'received': {
        const input = { commandId: `c${++count}`, text: TEXTS[each.text]!, by: PEOPLE[each.by]! };
        waiting.push(input);
        events.push({ type: 'input_received', at: 1, deliverAs: 'prompt', ...input });
        break;
      }
      case 'extension':
        read(undefined, 'from an extension');
        break;
      case 'resumed':
        waiting = [];
        events.push({ type: 'session_resumed', at: 1, epoch: 2 }, { type: 'agent_start', at: 1 });
        break;
      case 'stopped':
        events.push({ type: 'agent_end', at: 1 });
        break;
      case 'started':
        events.push({ type: 'agent_start', at: 1 });
        break;
      default: {
        const input = waiting[each.input % Math.max(1, waiting.length)];
        if (input === undefined) break;
        const { commandId } = input;
        if (each.kind === 'edited') {
          input.text = 'edited';
          events.push({ type: 'input_edited', at: 1, commandId, text: 'edited', by: input.by });
          break;
        }
        waiting = waiting.filter((other) => other !== input);
        if (each.kind === 'read') read(input, input.text);
        // A command that an extension answers is delivered, and becomes no message.
        else if (each.kind === 'answered') events.push({ type: 'input_delivered', at: 1, commandId });
        else events.push({ type: 'input_dropped', at: 1, commandId, error: { code: 'x', message: 'x' } });
      }
    }
  }
  return { events, truth };
}

/** The messages of a log that is loaded from its end, as far as the viewer asked for it. */
function messagesOf(events: readonly unknown[], from: number): MessageItem[] {
  const numbered = events.map((event, index) => [index + 1, event] as const).slice(from);
  return foldTranscript(createTranscript(), numbered).items.filter((item) => item.kind === 'message');
}

const session = fc.array(step, { maxLength: 40 });

describe('the author of a user message', () => {
  it('is right for every order of commands, inputs of several people, stops, changes of the queue and resumes', () => {
    fc.assert(
      fc.property(session, fc.nat(30), (steps, from) => {
        const { events, truth } = logOf(steps, false);
        for (const item of messagesOf(events, from).filter(({ open }) => !open)) {
          expect(item.by).toEqual(truth.get(item.id) ?? { userId: 'system', via: 'system' });
          expect(item.hasUnknownAuthor).toBeUndefined();
        }
      }),
    );
  });

  it('is right or unknown in the log of an earlier version, and never another person', () => {
    fc.assert(
      fc.property(session, fc.nat(30), (steps, from) => {
        const { events, truth } = logOf(steps, true);
        for (const item of messagesOf(events, from)) {
          if (item.by !== undefined) expect(item.by).toEqual(truth.get(item.id));
        }
      }),
    );
  });

  it('is found in the log of an earlier version after a command that an extension answered', () => {
    const [ann, bob] = [PEOPLE[0]!, PEOPLE[1]!];
    const { events } = logOf(
      [
        { kind: 'received', by: 0, text: 2 },
        { kind: 'answered', input: 0 },
        { kind: 'received', by: 1, text: 0 },
        { kind: 'read', input: 0 },
        { kind: 'received', by: 0, text: 1 },
        { kind: 'read', input: 0 },
      ],
      true,
    );
    expect(messagesOf(events, 0).map(({ by }) => by)).toEqual([bob, ann]);
  });

  it('is not asked for in a history that was imported', () => {
    const message = { role: 'user', content: 'typed in pi' };
    const events = [
      { type: 'session_started', at: 1, cwd: '/' },
      { type: 'message_start', at: 1, messageId: 'm', role: 'user' },
      { type: 'message_end', at: 1, messageId: 'm', message },
    ];
    const [item] = messagesOf(events, 0);
    expect(item).toMatchObject({ role: 'user', open: false });
    expect(item).not.toHaveProperty('by');
    expect(item).not.toHaveProperty('hasUnknownAuthor');
  });
});
