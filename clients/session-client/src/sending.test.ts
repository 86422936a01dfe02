import { describe, expect, it } from 'vitest';
import { gateway, live, log, until, view, viewFromScratch } from './testing/viewing.js';

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
