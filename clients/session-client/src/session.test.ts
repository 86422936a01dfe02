import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTranscript, foldTranscript, restartReason, type Transcript } from '@pizzapi/protocol';
import { WebSocket } from 'ws';
import { LIMITS, openSession, type Clock, type Session, type SessionChange, type SessionOptions } from './index.js';
import { SID, ScriptedGateway, ScriptedLog } from './testing/scriptedGateway.js';

let log: ScriptedLog;
let gateway: ScriptedGateway;
let open: Session[];

beforeEach(async () => {
  log = new ScriptedLog();
  gateway = await new ScriptedGateway(log).listen();
  open = [];
});
afterEach(async () => {
  for (const session of open) session.close();
  for (const one of [...log.gateways]) await one.stop();
});

function view(options: Partial<SessionOptions> = {}): Session {
  const session = openSession({ url: gateway.url, sessionId: SID, WebSocket, random: () => 0, ...options });
  open.push(session);
  return session;
}

/** Resolves once what a session shows is so. Woken by its notifications, not by a clock. */
function until(session: Session, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = session.subscribe(check);
    function check(): void {
      if (!condition()) return;
      stop();
      resolve();
    }
    check();
  });
}
const live = (session: Session) => until(session, () => session.connection.state.kind === 'live');
const at = (session: Session, seq = log.head) =>
  until(session, () => session.cursor === seq && session.connection.state.kind === 'live');

const say = (id: string, text: string, role = 'user') => [
  { type: 'message_start', at: 1, messageId: id, role },
  { type: 'message_end', at: 2, messageId: id, message: { role, content: text } },
];
const folded = () =>
  foldTranscript(
    createTranscript(),
    log.events.map(({ seq, event }) => [seq, event] as const),
  );
const items = (t: Transcript) => t.items;

/** Timers that a test ends by hand. */
class ManualClock implements Clock {
  readonly timers = new Map<number, { fn: () => void; ms: number }>();
  #next = 0;
  setTimeout(fn: () => void, ms: number): number {
    this.timers.set((this.#next += 1), { fn, ms });
    return this.#next;
  }
  clearTimeout(handle: unknown): void {
    this.timers.delete(handle as number);
  }
  /** Ends the timer of this length. */
  end(ms: number): void {
    const found = [...this.timers].find(([, timer]) => timer.ms === ms);
    if (found === undefined)
      throw new Error(`no timer of ${ms} ms among ${[...this.timers.values()].map((t) => t.ms).join()}`);
    this.timers.delete(found[0]);
    found[1].fn();
  }
}

describe('a viewer', () => {
  it('replays the log, goes live, and folds what comes then', async () => {
    log.append(...say('a', 'hello'));
    const session = view();
    await live(session);
    expect(items(session.transcript)).toEqual(items(folded()));
    expect(session.connection.sentence).toBe('Live');
    log.append(...say('b', 'hi', 'assistant'));
    await at(session);
    expect(items(session.transcript)).toEqual(items(folded()));
    expect(session).toMatchObject({ mode: 'owner', repeats: 0 });
  });

  it('is notified once for a message of many frames, with every position that changed', async () => {
    const session = view();
    await live(session);
    const changes: SessionChange[] = [];
    session.subscribe((change) => changes.push(change));
    log.append(...say('a', 'one'), ...say('b', 'two'));
    await at(session);
    expect(changes).toHaveLength(1);
    expect([...changes[0]!.items]).toEqual([0, 1]);
  });

  it('shows what the projections know until it has read the log', async () => {
    log.append({
      type: 'session_started',
      at: 1,
      cwd: '/w',
      name: 'from the log',
      model: 'demo/demo',
      runnerId: 'r',
      userId: 'owner',
      epoch: 1,
      piVersion: '1',
    });
    const session = view();
    await until(session, () => session.info.name === 'from the projection');
    await live(session);
    expect(session.info).toMatchObject({ name: 'from the log', host: 'connected' });
    log.append({ type: 'plan_mode_toggled', at: 2, enabled: true });
    await at(session);
    expect(session.meta).toMatchObject({ planModeEnabled: true, version: 1 });
  });

  it('reads and writes the JSON subprotocol as well', async () => {
    log.append(...say('a', 'hello'));
    const session = view({ protocol: 'json' });
    await at(session);
    expect(items(session.transcript)).toEqual(items(folded()));
    expect(gateway.upgrades[0]!.headers['sec-websocket-protocol']).toBe('pizzapi.v1.json');
  });

  it('comes by a link with its token beside the subprotocol, and with the name it gave', async () => {
    const session = view({ token: 'ey.J.w', name: 'Ann & Bob' });
    await live(session);
    expect(gateway.upgrades[0]!.headers['sec-websocket-protocol']).toBe('pizzapi.v1.msgpack,bearer.ey.J.w');
    expect(gateway.upgrades[0]!.url).toBe(`/ws/sessions/${SID}?name=Ann+%26+Bob`);
  });

  it('whose credentials are revoked is told so, and does not come back', async () => {
    const session = view();
    await live(session);
    gateway.closeAll(4401);
    await until(session, () => session.connection.state.kind === 'closed');
    expect(session.connection.state).toMatchObject({ error: { code: 'unauthenticated' } });
    expect(session.connection.sentence).toContain('revoked');
    expect(gateway.upgrades).toHaveLength(1);
  });

  it('shows the host, the viewers, and pieces between a partial and the end', async () => {
    const session = view();
    log.append({ type: 'message_start', at: 1, messageId: 'm', role: 'assistant' });
    await at(session);
    gateway.send(
      { type: 'host', state: 'lost' },
      { type: 'presence', viewers: [{ id: 'v', userId: 'owner', mode: 'owner' }] },
      {
        type: 'partial',
        partial: {
          n: 4,
          open: [{ messageId: 'm', role: 'assistant', blocks: [{ index: 0, kind: 'text', text: 'ab' }] }],
          tools: [],
        },
      },
      { type: 'delta', delta: { type: 'text_delta', at: 1, n: 5, messageId: 'm', index: 0, text: 'c' } },
    );
    await until(session, () => session.viewers.length === 1);
    expect(session.info.host).toBe('lost');
    expect(items(session.transcript)).toMatchObject([{ open: true, blocks: [{ kind: 'text', text: 'abc' }] }]);
  });
});

describe('pieces that outrun the log', () => {
  const piece = (n: number, fields: object) => gateway.send({ type: 'delta', delta: { at: 1, n, ...fields } });

  it('wait for the event that says where they belong', async () => {
    const session = view();
    await live(session);
    gateway.send({ type: 'partial', partial: { n: 1, open: [{ messageId: 'b', blocks: [] }], tools: [] } });
    piece(2, { type: 'text_delta', messageId: 'b', index: 0, text: 'early' });
    piece(3, { type: 'tool_output_delta', toolCallId: 't', text: 'out' });
    log.append(...say('a', 'the question'), { type: 'message_start', at: 3, messageId: 'b', role: 'assistant' });
    await at(session);
    expect(session.transcript.items).toMatchObject([
      { id: 'a' },
      { id: 'b', open: true, blocks: [{ kind: 'text', text: 'early' }] },
    ]);
    log.append({ type: 'tool_execution_start', at: 4, toolCallId: 't', toolName: 'bash', args: {} });
    await at(session);
    expect(session.transcript.items[2]).toMatchObject({ kind: 'tool', block: { toolName: 'bash', output: 'out' } });
  });
});

describe('a broken connection', () => {
  it('resumes after the last offset, at the next gateway of the list, with nothing repeated', async () => {
    const other = await new ScriptedGateway(log).listen();
    log.append(...say('a', 'one'));
    const session = view({ url: [gateway.url, other.url] });
    await at(session);
    const seen = session.cursor;
    await gateway.stop();
    log.append(...say('b', 'two'));
    await at(session);
    expect(other.received[0]).toEqual({ type: 'resume', after: seen });
    expect(items(session.transcript)).toEqual(items(folded()));
    expect(session.repeats).toBe(0);
  });

  it('waits as long as a restarting gateway says', async () => {
    const clock = new ManualClock();
    const session = view({ clock });
    await live(session);
    gateway.closeAll(1012, restartReason(777));
    await until(session, () => session.connection.state.kind === 'waiting');
    expect(session.connection.sentence).toBe('The gateway restarts; reconnecting, nothing is lost');
    clock.end(777);
    await live(session);
  });

  it('is noticed when the gateway falls silent', async () => {
    const clock = new ManualClock();
    const session = view({ clock });
    await live(session);
    gateway.pongs = false;
    clock.end(LIMITS.silenceMs);
    clock.end(LIMITS.silenceMs);
    clock.end(LIMITS.pongMs);
    expect(session.connection.state).toMatchObject({ kind: 'waiting', why: 'silent' });
    session.wake();
    await live(session);
  });

  it('starts again from the first event when its offset is not to be had', async () => {
    log.append(...say('a', 'one'));
    const session = view({ after: 999 });
    expect(session.hasEarlier).toBe(false);
    let rebuilt = false;
    session.subscribe((change) => (rebuilt ||= change.rebuilt));
    await at(session);
    expect(rebuilt).toBe(true);
    expect(items(session.transcript)).toEqual(items(folded()));
  });

  it('is made anew when bytes make no sense', async () => {
    const session = view();
    await live(session);
    gateway.sendBytes(Uint8Array.of(0x92, 0x01));
    await until(session, () => session.connection.state.kind !== 'live');
    await live(session);
    expect(gateway.upgrades).toHaveLength(2);
  });

  it.each([
    [401, 'session_not_found'],
    [404, 'session_not_found'],
  ])('is final when the gateway answers %i, and says why', async (status, code) => {
    gateway.refuseWith = status;
    const session = view();
    await until(session, () => session.connection.state.kind === 'closed');
    expect(session.connection.state).toMatchObject({ error: { code } });
    expect(session.connection.sentence).toBe('No such session.');
  });

  it('is final when the session was deleted', async () => {
    const session = view();
    await live(session);
    gateway.closeAll(4410);
    await until(session, () => session.connection.state.kind === 'closed');
    expect(session.connection.sentence).toContain('deleted');
    expect(await session.sendInput('x')).toMatchObject({ kind: 'refused', error: { code: 'session_gone' } });
  });

  it('loses and repeats nothing, however often and whenever it breaks', async () => {
    const action = fc.constantFrom('say', 'say', 'drop', 'wake', 'restart', 'piece');
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const session = view();
        const seqs: number[] = [];
        session.onEvent((seq) => seqs.push(seq));
        let n = 0;
        for (const what of actions) {
          n += 1;
          if (what === 'say') log.append(...say(`${log.head}`, what));
          if (what === 'drop') gateway.drop();
          if (what === 'restart') gateway.closeAll(1012, restartReason(0));
          if (what === 'wake') session.wake();
          if (what === 'piece')
            gateway.send({
              type: 'delta',
              delta: { type: 'text_delta', at: 1, n, messageId: 'p', index: 0, text: 'x' },
            });
          await new Promise(setImmediate);
        }
        await at(session);
        expect(seqs).toEqual(log.events.map(({ seq }) => seq));
        const facts = items(session.transcript).filter(({ seq }) => seq > 0);
        expect(facts).toEqual(items(folded()));
        session.close();
      }),
      { numRuns: 15 },
    );
  });
});

describe('the tail of a session', () => {
  beforeEach(() => {
    for (let i = 0; i < 20; i += 1) log.append(...say(`m${i}`, `text ${i}`));
  });

  it('is all that is loaded at first, and earlier events come on demand until it is the whole', async () => {
    const session = view({ tail: 6 });
    await at(session);
    expect(session.transcript.items.map(({ id }) => id)).toEqual(['m17', 'm18', 'm19']);
    expect(session.hasEarlier).toBe(true);
    let moved = 0;
    session.subscribe((change) => (moved += change.prepended));
    expect(await session.loadEarlier(10)).toMatchObject({ kind: 'ok', value: 10 });
    expect(moved).toBe(5);
    expect(session.transcript.items.map(({ id }) => id)[0]).toBe('m12');
    while (session.hasEarlier) await session.loadEarlier(10);
    expect(items(session.transcript)).toEqual(items(folded()));
    expect(await session.loadEarlier()).toMatchObject({ value: 0 });
    log.append(...say('next', 'still live'));
    await at(session);
    expect(items(session.transcript)).toEqual(items(folded()));
  });

  it('keeps what is being written while earlier events are put in front', async () => {
    const session = view({ tail: 2 });
    await at(session);
    log.append({ type: 'message_start', at: 1, messageId: 'open', role: 'assistant' });
    const piece = (n: number, text: string) =>
      gateway.send({ type: 'delta', delta: { type: 'text_delta', at: 1, n, messageId: 'open', index: 0, text } });
    piece(1, 'half ');
    const text = () => JSON.stringify(session.transcript.items.at(-1));
    await until(session, () => text().includes('half '));
    await session.loadEarlier(4);
    expect(text()).toContain('half ');
    piece(2, 'whole');
    await until(session, () => text().includes('half whole'));
  });
});

describe('what is sent', () => {
  it('is accepted or refused by its reference', async () => {
    const session = view();
    await live(session);
    expect(await session.sendInput('hi', { deliverAs: 'steer' })).toMatchObject({ kind: 'accepted' });
    expect(gateway.received.at(-1)).toMatchObject({ type: 'input', text: 'hi', deliverAs: 'steer' });
    gateway.answer = 'refuse';
    const error = { code: 'host_lost', message: 'The host is away.' };
    expect(await session.command('abort')).toEqual({ kind: 'refused', error });
  });

  it('waits for the connection when there is none', async () => {
    const session = view();
    const sent = session.sendInput('early');
    expect(await sent).toMatchObject({ kind: 'accepted' });
    expect(gateway.received.map(({ type }) => type)).toEqual(['resume', 'input']);
  });

  it('is unknown, and not sent again, when the connection breaks before the answer', async () => {
    gateway.answer = 'nothing';
    const session = view();
    await live(session);
    const sent = session.sendInput('once');
    await expect.poll(() => gateway.received.length).toBe(2);
    gateway.drop();
    expect(await sent).toEqual({ kind: 'unknown' });
    await live(session);
    expect(gateway.received.filter(({ type }) => type === 'input')).toHaveLength(1);
  });

  it('is known to have happened when the log shows it under its reference', async () => {
    gateway.answer = 'nothing';
    const session = view();
    await live(session);
    const sent = session.sendInput('once');
    await expect.poll(() => gateway.received.length).toBe(2);
    const commandId = gateway.received[1]!.ref!;
    gateway.drop();
    log.append({
      type: 'input_received',
      at: 1,
      commandId,
      text: 'once',
      by: { userId: 'owner', via: 'owner' },
      deliverAs: 'prompt',
    });
    expect(await sent).toEqual({ kind: 'accepted', commandId });
  });

  it('has its result in the log, whoever asks early or late', async () => {
    const session = view();
    await live(session);
    const early = session.result('c1');
    log.append(
      { type: 'command_result', at: 1, commandId: 'c1', ok: false, error: { code: 'model_unknown', message: 'No.' } },
      { type: 'input_delivered', at: 1, commandId: 'c2' },
    );
    expect(await early).toEqual({ kind: 'failed', error: { code: 'model_unknown', message: 'No.' } });
    expect(await session.result('c2')).toEqual({ kind: 'delivered' });
    const never = session.result('c3');
    session.close();
    expect(await never).toEqual({ kind: 'closed' });
  });
});
