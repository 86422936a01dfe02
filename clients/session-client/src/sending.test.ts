import { describe, expect, it } from 'vitest';
import { LIMITS, SEND_LIMITS } from './index.js';
import { gateway, live, log, ManualClock, until, view, viewFromScratch } from './testing/viewing.js';

viewFromScratch();

describe('whether somebody looks', () => {
  const said = () => gateway.received.filter(({ type }) => type !== 'ping').map(({ type, visible }) => visible ?? type);

  it('is said after the resume of every connection, and again only when it has changed', async () => {
    const session = view();
    session.setVisible(true);
    await live(session);
    session.setVisible(true);
    session.setVisible(false);
    await expect.poll(said).toEqual(['resume', true, false]);
    gateway.drop();
    await until(session, () => session.connection.state.kind !== 'live');
    session.setVisible(true);
    await live(session);
    await expect.poll(said).toEqual(['resume', true, false, 'resume', true]);
  });

  it('is not said by who has nothing to say about it', async () => {
    const session = view();
    await live(session);
    await session.command('abort');
    expect(said()).toEqual(['resume', 'command']);
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

  const inputs = () => gateway.received.filter(({ type }) => type === 'input');

  it('is sent again with the same key when the connection breaks before the answer', async () => {
    gateway.answer = 'nothing';
    const session = view();
    await live(session);
    const sent = session.sendInput('once');
    await expect.poll(() => inputs().length).toBe(1);
    gateway.answer = 'ack';
    gateway.drop();
    expect(await sent).toEqual({ kind: 'accepted', commandId: `${inputs()[0]!.key}_id` });
    // What a person did once is one trace.
    const traces = inputs().map(({ traceparent }) => traceparent);
    expect(traces[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(new Set(traces).size).toBe(1);
    expect(inputs()).toHaveLength(2);
    expect(inputs()[1]!.key).toBe(inputs()[0]!.key);
  });

  it('has the key that the sender gives, so that another page may send it again', async () => {
    const session = view();
    await live(session);
    await session.sendInput('once', { key: 'kept' });
    expect(inputs()[0]).toMatchObject({ key: 'kept' });
  });

  it('is sent again with the same key until the gateway can confirm it', async () => {
    gateway.answer = 'unconfirmed';
    const clock = new ManualClock();
    const session = view({ clock });
    await live(session);
    const sent = session.sendInput('once');
    await until(session, () => session.connection.isDoubtful);
    expect(session.connection).toMatchObject({ state: { kind: 'live' }, sentence: 'Not connected, trying' });
    gateway.answer = 'ack';
    clock.end(SEND_LIMITS.pauseMs);
    expect(await sent).toMatchObject({ kind: 'accepted' });
    expect(session.connection.sentence).toBe('Live');
    expect(new Set(inputs().map(({ key }) => key)).size).toBe(1);
  });

  it('shows within 5 s that its answer is missing, and finds out that the connection is dead', async () => {
    gateway.answer = 'nothing';
    gateway.pongs = false;
    const clock = new ManualClock();
    const session = view({ clock });
    await live(session);
    const sent = session.sendInput('once');
    await expect.poll(() => inputs().length).toBe(1);
    expect(SEND_LIMITS.doubtMs).toBeLessThanOrEqual(5_000);
    clock.end(SEND_LIMITS.doubtMs);
    expect(session.connection.sentence).toBe('Not connected, trying');
    await expect.poll(() => gateway.received.at(-1)?.type).toBe('ping');
    clock.end(LIMITS.pongMs);
    clock.end(LIMITS.doubtMs);
    expect(session.connection.state.kind).toBe('waiting');
    gateway.answer = 'ack';
    session.wake();
    expect(await sent).toMatchObject({ kind: 'accepted' });
    expect(inputs()[1]!.key).toBe(inputs()[0]!.key);
  });

  it('is unknown, and not sent again, at a gateway of an earlier version, which would carry it out twice', async () => {
    gateway.keys = false;
    gateway.answer = 'nothing';
    const session = view();
    await live(session);
    const sent = session.sendInput('once');
    await expect.poll(() => inputs().length).toBe(1);
    gateway.keys = true;
    gateway.drop();
    expect(await sent).toEqual({ kind: 'unknown' });
    await live(session);
    expect(inputs()).toHaveLength(1);
  });

  it('is known to have happened when the log shows the command that the gateway could not confirm', async () => {
    gateway.answer = 'unconfirmed';
    const clock = new ManualClock();
    const session = view({ clock });
    await live(session);
    const sent = session.sendInput('once');
    await until(session, () => session.connection.isDoubtful);
    const commandId = `${inputs()[0]!.key}_id`;
    const by = { userId: 'owner', via: 'owner' };
    log.append({ type: 'input_received', at: 1, commandId, text: 'once', by, deliverAs: 'prompt' });
    expect(await sent).toEqual({ kind: 'accepted', commandId });
  });

  it('is unknown with its id when the session is closed before it is confirmed', async () => {
    gateway.answer = 'unconfirmed';
    const session = view({ clock: new ManualClock() });
    await live(session);
    const sent = session.sendInput('once');
    await until(session, () => session.connection.isDoubtful);
    session.close();
    expect(await sent).toEqual({ kind: 'unknown', commandId: `${inputs()[0]!.key}_id` });
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
