import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES, errorInfo, restartReason, shouldReconnect } from '@pizzapi/protocol';
import {
  EVENT_KINDS,
  LIMITS,
  STATE_KINDS,
  isOpen,
  sentence,
  step,
  type ConnectionEvent,
  type ConnectionState,
  type Effect,
  type EventKind,
  type StateKind,
} from './connectionMachine.js';

const counts = { tries: 1, attempt: 0, before: true };
const hearing = { heard: true, pinged: false, doubted: false };
const STATES: { [K in StateKind]: ConnectionState } = {
  idle: { kind: 'idle' },
  connecting: { kind: 'connecting', ...counts },
  greeting: { kind: 'greeting', ...counts },
  replaying: { kind: 'replaying', ...counts, ...hearing },
  live: { kind: 'live', ...counts, ...hearing },
  waiting: { kind: 'waiting', why: 'broken', ...counts },
  offline: { kind: 'offline', ...counts },
  closed: { kind: 'closed' },
};
const EVENTS: { [K in EventKind]: ConnectionEvent } = {
  start: { kind: 'start' },
  opened: { kind: 'opened' },
  greeted: { kind: 'greeted' },
  caught_up: { kind: 'caught_up' },
  heard: { kind: 'heard' },
  lost: { kind: 'lost', code: 1006, reason: '' },
  timeout: { kind: 'timeout' },
  wake: { kind: 'wake' },
  network_gone: { kind: 'network_gone' },
  again: { kind: 'again' },
  refused: { kind: 'refused', error: errorInfo('forbidden') },
  stop: { kind: 'stop' },
};

/** Every pair that changes the state, and what it becomes; pairs that are not here leave it as it is. */
const EXPECTED: { [S in StateKind]: Partial<Record<EventKind, StateKind>> } = {
  idle: { start: 'connecting', refused: 'closed', stop: 'closed' },
  connecting: {
    opened: 'greeting',
    lost: 'waiting',
    timeout: 'waiting',
    again: 'waiting',
    refused: 'closed',
    stop: 'closed',
  },
  greeting: {
    greeted: 'replaying',
    lost: 'waiting',
    timeout: 'waiting',
    again: 'waiting',
    refused: 'closed',
    stop: 'closed',
  },
  replaying: { caught_up: 'live', lost: 'waiting', again: 'waiting', refused: 'closed', stop: 'closed' },
  live: { lost: 'waiting', again: 'waiting', refused: 'closed', stop: 'closed' },
  waiting: { timeout: 'connecting', wake: 'connecting', network_gone: 'offline', refused: 'closed', stop: 'closed' },
  offline: { timeout: 'connecting', wake: 'connecting', refused: 'closed', stop: 'closed' },
  closed: {},
};

describe('the transition table', () => {
  it.each(STATE_KINDS.flatMap((state) => EVENT_KINDS.map((event) => [state, event] as const)))(
    'says what %s does on %s',
    (state, event) => {
      expect(step(STATES[state], EVENTS[event]).state.kind).toBe(EXPECTED[state][event] ?? state);
    },
  );

  it('has a sentence for every state', () => {
    for (const kind of STATE_KINDS) expect(sentence(STATES[kind])).toMatch(/^[A-Z]/);
  });

  it('promises that nothing is lost only after something was there', () => {
    const never = step(step(STATES.idle, EVENTS.start).state, EVENTS.lost).state;
    expect(sentence(never)).toBe('No answer yet, trying again');
    expect(sentence(step(never, EVENTS.timeout).state)).toBe('Connecting');
    const lost = step(STATES.live, EVENTS.lost).state;
    expect(sentence(lost)).toBe('Not connected, trying; nothing is lost');
    expect(sentence(step(lost, EVENTS.timeout).state)).toBe('Not connected, trying; nothing is lost');
  });
});

describe('the back-off', () => {
  const timerOf = (effects: readonly Effect[]) => effects.find((effect) => effect.kind === 'timer')!;

  it('grows with every failure in a row, up to its limit, and for ever, and is short for the seconds of a restart', () => {
    let state: ConnectionState = STATES.idle;
    const ceilings: number[] = [];
    for (let i = 0; i < 40; i += 1) {
      state = step(state, i === 0 ? EVENTS.start : EVENTS.timeout).state;
      const failed = step(state, EVENTS.lost);
      ceilings.push(timerOf(failed.effects).maxMs);
      state = failed.state;
    }
    expect(ceilings.slice(0, 4)).toEqual([300, 450, 675, 1012.5]);
    // On average half of each ceiling is waited: a gateway that is back after a second is found within two.
    expect(ceilings.slice(0, 5).reduce((sum, ceiling) => sum + ceiling / 2, 0)).toBeLessThanOrEqual(2_000);
    expect([...ceilings].sort((a, b) => a - b)).toEqual(ceilings);
    expect(ceilings.at(-1)).toBe(LIMITS.backoffMaxMs);
  });

  it('begins anew once the connection was live', () => {
    const greeted = step({ kind: 'greeting', tries: 9, attempt: 5, before: false }, EVENTS.greeted).state;
    const live = step(greeted, EVENTS.caught_up).state;
    expect(timerOf(step(live, EVENTS.lost).effects).maxMs).toBe(LIMITS.backoffMs);
  });

  it('is what the gateway asked for when it restarts', () => {
    const { state, effects } = step(STATES.live, { kind: 'lost', code: 1012, reason: restartReason(1234) });
    expect(timerOf(effects)).toEqual({ kind: 'timer', minMs: 1234, maxMs: 1234 });
    expect(sentence(state)).toContain('restarts');
  });

  it('is long where the gateway has no room, also before anything was live, and the person reads why', () => {
    const lost = { kind: 'lost', code: CLOSE_CODES.too_many.code, reason: '' } as const;
    for (const before of [STATES.live, { kind: 'greeting', tries: 1, attempt: 0, before: false } as const]) {
      const { state, effects } = step(before, lost);
      expect(timerOf(effects)).toEqual({ kind: 'timer', minMs: LIMITS.tooManyMs, maxMs: 2 * LIMITS.tooManyMs });
      expect(sentence(state)).toContain('close other tabs');
    }
  });
});

describe('a close code', () => {
  it('decides whether the connection comes back, as the table of the protocol says', () => {
    for (const { code } of Object.values(CLOSE_CODES)) {
      const { state } = step(STATES.live, { kind: 'lost', code, reason: '' });
      expect(state.kind, String(code)).toBe(shouldReconnect(code) ? 'waiting' : 'closed');
    }
  });

  it('that is final says why', () => {
    expect(step(STATES.live, { kind: 'lost', code: 4410, reason: '' }).state).toMatchObject({
      error: { code: 'session_gone' },
    });
    expect(step(STATES.live, { kind: 'lost', code: 4999, reason: '' }).state).toMatchObject({
      error: { code: 'forbidden' },
    });
  });
});

describe('silence', () => {
  const timer = (ms: number) => ({ kind: 'timer', minMs: ms, maxMs: ms });

  it('is asked about, shown within 5 s, and believed when there is no answer', () => {
    const quiet = step(STATES.live, EVENTS.timeout).state;
    expect(quiet).toMatchObject({ heard: false, pinged: false });
    const asked = step(quiet, EVENTS.timeout);
    expect(asked.effects).toEqual([{ kind: 'ping' }, timer(LIMITS.pongMs)]);
    expect(sentence(asked.state)).toBe('Live');
    const doubted = step(asked.state, EVENTS.timeout);
    expect(sentence(doubted.state)).toBe('Not connected, trying');
    expect(LIMITS.silenceMs + LIMITS.pongMs).toBeLessThanOrEqual(5_000);
    expect(step(doubted.state, EVENTS.timeout)).toMatchObject({
      state: { kind: 'waiting', why: 'silent' },
      effects: [{ kind: 'close' }, {}],
    });
    for (const { state } of [asked, doubted]) {
      const answered = step(state, EVENTS.heard);
      expect(answered.state).toMatchObject({ kind: 'live', pinged: false, doubted: false });
      expect(answered.effects).toEqual([{ ...timer(LIMITS.silenceMs), hiddenMs: LIMITS.hiddenSilenceMs }]);
    }
  });

  it('never lasts longer than 10 s before the next attempt to connect', () => {
    const { silenceMs, pongMs, doubtMs, backoffMs, openMs, backoffMaxMs } = LIMITS;
    expect(silenceMs + pongMs + doubtMs + backoffMs).toBeLessThanOrEqual(10_000);
    expect(openMs + backoffMaxMs).toBeLessThanOrEqual(10_000);
  });

  it('is asked about at once when the page wakes up', () => {
    expect(step(STATES.live, EVENTS.wake).effects[0]).toEqual({ kind: 'ping' });
  });

  it('is shown at once when the browser reports that there is no network, until the gateway answers', () => {
    for (const state of [STATES.live, step(STATES.live, EVENTS.wake).state]) {
      const gone = step(state, EVENTS.network_gone);
      expect(sentence(gone.state)).toBe('Not connected, trying');
      expect(gone.effects.at(-1)).toEqual(timer(LIMITS.doubtMs));
      expect(sentence(step(gone.state, EVENTS.heard).state)).toBe('Live');
    }
  });

  it('costs nothing while messages come in', () => {
    expect(step(STATES.live, EVENTS.heard).state).toBe(STATES.live);
  });
});

describe('any walk through the machine', () => {
  const event = fc.oneof(
    ...Object.values(EVENTS)
      .filter(({ kind }) => kind !== 'stop' && kind !== 'refused')
      .map((value) => fc.constant(value)),
    fc.record({ kind: fc.constant('lost' as const), code: fc.integer({ min: 0, max: 5000 }), reason: fc.string() }),
  );

  it('keeps one socket at a time, and a timer wherever something must happen by itself', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let state: ConnectionState = STATES.idle;
        let socket = false;
        let timer = false;
        for (const next of events) {
          const result = step(state, next);
          if (next.kind === 'lost' && result.state !== state) socket = false;
          if (next.kind === 'timeout' && result.state !== state) timer = false;
          for (const effect of result.effects) {
            if (effect.kind === 'open') {
              expect(socket).toBe(false);
              socket = true;
            } else if (effect.kind === 'close') socket = false;
            else if (effect.kind === 'timer') timer = true;
            else if (effect.kind === 'no_timer') timer = false;
            else if (effect.kind !== 'probe') expect(isOpen(result.state)).toBe(true);
          }
          state = result.state;
          const away = state.kind === 'waiting' || state.kind === 'offline';
          expect(timer).toBe(state.kind !== 'idle' && state.kind !== 'closed');
          expect(socket).toBe(state.kind !== 'idle' && state.kind !== 'closed' && !away);
        }
      }),
    );
  });
});
