import { beforeEach, describe, expect, it } from 'vitest';
import type { SessionChange } from './index.js';
import { SID } from './testing/scriptedGateway.js';
import { at, folded, gateway, items, live, log, say, until, view, viewFromScratch } from './testing/viewing.js';

viewFromScratch();

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

  it('becomes the whole in one call, with events that arrive while it is loaded', async () => {
    for (let i = 0; i < 2_300; i++) log.append(...say(`m${i}`, `text ${i}`));
    const session = view({ tail: 6 });
    await live(session);
    const changes: SessionChange[] = [];
    session.subscribe((change) => changes.push(change));
    const loading = session.loadWhole();
    log.append(...say('late', 'while it loads'));
    expect(await loading).toMatchObject({ kind: 'ok', value: 4_634 });
    await at(session);
    expect(items(session.transcript)).toEqual(items(folded()));
    expect(session.hasEarlier).toBe(false);
    expect(changes.filter(({ prepended }) => prepended > 0)).toHaveLength(1);
    expect(await session.loadWhole()).toMatchObject({ value: 0 });
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
