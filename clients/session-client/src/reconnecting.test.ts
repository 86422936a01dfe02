import fc from 'fast-check';
import { ERRORS, restartReason } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { LIMITS } from './index.js';
import { ScriptedGateway } from './testing/scriptedGateway.js';
import {
  at,
  folded,
  gateway,
  items,
  live,
  log,
  ManualClock,
  say,
  until,
  view,
  viewFromScratch,
} from './testing/viewing.js';

viewFromScratch();

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
    expect(session.connection).toMatchObject({ sentence: 'Not connected, trying', isDoubtful: true });
    clock.end(LIMITS.doubtMs);
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

  it.each(['unauthenticated', 'forbidden', 'session_not_found', 'session_gone', 'forbidden_host'] as const)(
    'is final when the gateway answers %s, and says what to do',
    async (code) => {
      gateway.refuseWith = code;
      const session = view();
      await until(session, () => session.connection.state.kind === 'closed');
      expect(session.connection.state).toMatchObject({ error: { code } });
      expect(session.connection.sentence).toBe(ERRORS[code].hint);
    },
  );

  it('is not tried with a key that no gateway can accept', async () => {
    const session = view({ token: 'pzk_a b' });
    await until(session, () => session.connection.state.kind === 'closed');
    expect(session.connection.sentence).toMatch(/^The key holds a space/);
    expect(gateway.upgrades).toHaveLength(0);
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
