import type { SessionInfo } from '@pizzapi/protocol';
import { session } from './lists.js';
import { failed, ok, type Sent } from './responses.js';
import type { Scene } from './scene.js';

/** A session whose agent works while five messages wait. Its host does with the queue what a real one does. */
const NOW = Date.now();
const ADA = { userId: 'owner', via: 'owner', name: 'Ada Lovelace' };
const ANN = { userId: 'guest_x1', via: 'collab', name: 'Ann' };

interface Item {
  commandId: string;
  deliverAs: 'steer' | 'followUp';
  text: string;
  by: object;
}

const ITEMS: readonly Item[] = [
  { commandId: 'i1', deliverAs: 'steer', text: 'Use the figures of the last run, not those of today', by: ADA },
  { commandId: 'i2', deliverAs: 'followUp', text: 'Then open a pull request', by: ADA },
  { commandId: 'i3', deliverAs: 'followUp', text: 'Could it also print the median?', by: ANN },
  {
    ...{ commandId: 'i4', deliverAs: 'followUp', by: ADA },
    text: 'Write the figure into the README, below the table of the benches, with the date, the machine and the commit that it was measured on, so that the next person can compare',
  },
];

const at = () => Date.now();

function queue(): Scene {
  let items = [...ITEMS];
  const shown = () => ({
    ...{ type: 'queue_update', at: at() },
    steering: items.flatMap(({ deliverAs, text }) => (deliverAs === 'steer' ? [text] : [])),
    followUp: items.flatMap(({ deliverAs, text }) => (deliverAs === 'followUp' ? [text] : [])),
    items: [
      ...items.map(({ commandId, deliverAs }) => ({ commandId, deliverAs })),
      { deliverAs: 'followUp', text: 'A reminder of an extension' },
    ],
  });
  const dropped = ({ commandId }: Item) => ({
    ...{ type: 'input_dropped', at: at(), commandId, by: ADA },
    error: { code: 'input_withdrawn', message: 'A person took the message out of the queue.' },
  });
  const place = (item: Item, index: number) => {
    items = items.filter((other) => other !== item).toSpliced(index, 0, item);
  };

  function respond(sent: Sent): object[] | undefined {
    const { name, args } = sent;
    if (name === 'abort') {
      const gone = args['queue'] === 'drop' ? items : [];
      items = items.filter((item) => !gone.includes(item));
      return [...gone.map(dropped), shown(), { type: 'agent_end', at: at() }, ok(sent)];
    }
    if (!name.startsWith('queue_')) return undefined;
    const item = items.find(({ commandId }) => commandId === args['inputId']);
    if (item === undefined) return [failed(sent, 'input_not_queued', 'The agent has read this message already.')];
    const events: object[] = [];
    if (name === 'queue_edit')
      events.push({ type: 'input_edited', at: at(), ...args, commandId: item.commandId, by: ADA });
    if (name === 'queue_remove') {
      items = items.filter((other) => other !== item);
      events.push(dropped(item));
    }
    if (name === 'queue_move') {
      const others = items.filter((other) => other !== item);
      const before = others.findIndex(({ commandId }) => commandId === args['before']);
      place(item, before < 0 ? others.length : before);
    }
    if (name === 'queue_send_now') items = items.filter((other) => other !== item);
    return [...events, shown(), ok(sent)];
  }

  return {
    events: [
      {
        ...{ type: 'message_end', at: NOW - 60_000, messageId: 'u1', entryId: 'u1' },
        message: { role: 'user', content: [{ type: 'text', text: 'Measure how long a resume takes.' }] },
      },
      { type: 'agent_start', at: NOW - 50_000 },
      ...ITEMS.map(({ commandId, text, by, deliverAs }) => ({
        ...{ type: 'input_received', at: NOW - 40_000, commandId, text, by, deliverAs },
        ...(commandId === 'i2' ? { attachments: 2 } : {}),
      })),
      shown(),
      {
        ...{ type: 'message_end', at: NOW - 30_000, messageId: 'a1', entryId: 'a1' },
        message: { role: 'assistant', content: [{ type: 'text', text: 'I start with a warm gateway.' }] },
      },
    ],
    meta: {},
    respond,
  };
}

export const QUEUES: Readonly<Record<string, () => Scene>> = { queue };

export const QUEUE_SESSIONS: readonly SessionInfo[] = [
  session('queue', { name: 'A session with a queue', state: 'working', busy: true }, 1),
];
