import {
  CLOSE_CODES,
  errorInfo,
  restartDelay,
  shouldReconnect,
  type ErrorCode,
  type ErrorInfo,
} from '@pizzapi/protocol';

/**
 * A viewer's connection as a machine: `step(state, event)` is total and pure, its effects are data, and `driver.ts`
 * carries them out. There is one timer; what its end means depends on the state that set it.
 */
export const LIMITS = {
  /** A socket that has not opened by then is given up, in ms. */
  openMs: 5_000,
  /** An open socket without a greeting is given up after so long, in ms. */
  greetMs: 10_000,
  /** Silence after which we ask whether the other side is still there: of a page in sight, and of a hidden one, in ms. */
  silenceMs: 2_000,
  hiddenSilenceMs: 25_000,
  /** Without an answer by then the connection is doubted, and the person sees it, in ms. */
  pongMs: 2_000,
  /** A doubted connection is given up after so long, in ms. */
  doubtMs: 3_000,
  /**
   * The first back-off is anywhere between nothing and this, in ms; each failure multiplies it. A gateway is back within
   * two seconds as a rule, and most of the wait for it was the back-off of the client.
   */
  backoffMs: 300,
  backoffFactor: 1.5,
  /** No back-off is longer, in ms. */
  backoffMaxMs: 5_000,
  /** A client that was turned away because there are too many waits between this and twice as long, in ms. */
  tooManyMs: 20_000,
} as const;

/** Why we wait before the next try. */
export type WaitReason = 'broken' | 'restarting' | 'silent' | 'too_slow' | 'too_many' | 'again';

/** `tries`: sockets opened so far, which chooses the address. `attempt`: failures in a row, which chooses the back-off. */
interface Counts {
  tries: number;
  attempt: number;
  /** Whether it has been live before. */
  before: boolean;
}
/**
 * `heard`: something came in since the timer was set. `pinged`: we asked and wait for an answer. `doubted`: the answer is
 * missing, or the browser reports that there is no network.
 */
interface Hearing {
  heard: boolean;
  pinged: boolean;
  doubted: boolean;
}

export type ConnectionState =
  | { kind: 'idle' }
  /** The socket is being opened. */
  | ({ kind: 'connecting' } & Counts)
  /** It is open and the gateway has not said hello yet. */
  | ({ kind: 'greeting' } & Counts)
  /** What happened since our offset is coming in. */
  | ({ kind: 'replaying' } & Counts & Hearing)
  | ({ kind: 'live' } & Counts & Hearing)
  /** Back-off. */
  | ({ kind: 'waiting'; why: WaitReason } & Counts)
  /** The browser says that there is no network: waits for `wake`, and tries now and then all the same. */
  | ({ kind: 'offline' } & Counts)
  /** Final. Without an error the client left by itself. */
  | { kind: 'closed'; error?: ErrorInfo };

export type StateKind = ConnectionState['kind'];

export type ConnectionEvent =
  | { kind: 'start' }
  | { kind: 'opened' }
  /** The first frame was a fitting hello. */
  | { kind: 'greeted' }
  /** The replay has reached the head. */
  | { kind: 'caught_up' }
  /** Something came in. */
  | { kind: 'heard' }
  | { kind: 'lost'; code: number; reason: string }
  | { kind: 'timeout' }
  /** The page is looked at again, or the network is back. */
  | { kind: 'wake' }
  | { kind: 'network_gone' }
  /** Drop this connection and make a new one: what came in makes no sense. */
  | { kind: 'again' }
  /** Trying again is no use. */
  | { kind: 'refused'; error: ErrorInfo }
  | { kind: 'stop' };

export type EventKind = ConnectionEvent['kind'];

export type Effect =
  | { kind: 'open'; tries: number }
  | { kind: 'close' }
  /** Say where to resume. */
  | { kind: 'resume' }
  | { kind: 'ping' }
  /** Ask over HTTP why the socket would not open: a browser does not tell. */
  | { kind: 'probe' }
  /** Replaces the timer by one anywhere between the two, in ms; of a hidden page by one of `hiddenMs`. */
  | { kind: 'timer'; minMs: number; maxMs: number; hiddenMs?: number }
  | { kind: 'no_timer' };

export interface Step {
  state: ConnectionState;
  effects: readonly Effect[];
}

type State<K extends StateKind> = Extract<ConnectionState, { kind: K }>;
type Event<K extends EventKind> = Extract<ConnectionEvent, { kind: K }>;
type Rule<S extends StateKind, E extends EventKind> = (state: State<S>, event: Event<E>) => Step;

const NONE: readonly Effect[] = [];
const CLOSE: Effect = { kind: 'close' };
const exactly = (ms: number, hiddenMs?: number): Effect => ({
  ...{ kind: 'timer', minMs: ms, maxMs: ms },
  ...(hiddenMs === undefined ? {} : { hiddenMs }),
});

/** A hidden page asks less often: no person sees its state, and it asks when it is shown again. */
const SILENCE = exactly(LIMITS.silenceMs, LIMITS.hiddenSilenceMs);

const stay = (state: ConnectionState): Step => ({ state, effects: NONE });
const leave = (): Step => ({ state: { kind: 'closed' }, effects: [{ kind: 'no_timer' }, CLOSE] });
const refuse = (_state: ConnectionState, { error }: Event<'refused'>): Step => ({
  state: { kind: 'closed', error },
  effects: [{ kind: 'no_timer' }, CLOSE],
});

function connect({ tries, attempt, before }: Counts): Step {
  return {
    state: { kind: 'connecting', tries: tries + 1, attempt, before },
    effects: [{ kind: 'open', tries }, exactly(LIMITS.openMs)],
  };
}

/** Back-off grows with the failures in a row; a delay that the gateway asked for is kept to the millisecond. */
function wait(
  { tries, attempt, before }: Counts,
  why: WaitReason,
  effects: readonly Effect[] = NONE,
  askedMs?: number,
): Step {
  const ceiling = Math.min(LIMITS.backoffMaxMs, LIMITS.backoffMs * LIMITS.backoffFactor ** Math.min(attempt, 32));
  const timer: Effect = askedMs === undefined ? { kind: 'timer', minMs: 0, maxMs: ceiling } : exactly(askedMs);
  return { state: { kind: 'waiting', why, tries, attempt: attempt + 1, before }, effects: [...effects, timer] };
}

/** There is no room now, and asking again at once would not make any. */
function crowded(state: Counts): Step {
  const { state: next } = wait(state, 'too_many');
  return { state: next, effects: [{ kind: 'timer', minMs: LIMITS.tooManyMs, maxMs: 2 * LIMITS.tooManyMs }] };
}

const { policy, bad_frame, too_many, revoked, session_gone, terminal_gone } = CLOSE_CODES;
/** What a close without return means to the person. */
const FINAL: Readonly<Record<number, { name: ErrorCode; what?: string }>> = {
  [policy.code]: { name: 'bad_frame' },
  [bad_frame.code]: { name: 'bad_frame' },
  [revoked.code]: { name: 'unauthenticated', what: revoked.meaning },
  [session_gone.code]: { name: 'session_gone' },
  [terminal_gone.code]: { name: 'terminal_unknown' },
};

function lost(state: Counts, { code, reason }: Event<'lost'>): Step {
  if (!shouldReconnect(code)) {
    if (code === 1000) return { state: { kind: 'closed' }, effects: [{ kind: 'no_timer' }] };
    const { name, what } = FINAL[code] ?? { name: 'forbidden' };
    return { state: { kind: 'closed', error: errorInfo(name, what) }, effects: [{ kind: 'no_timer' }] };
  }
  if (code === 1012) return wait(state, 'restarting', NONE, restartDelay(reason));
  if (code === too_many.code) return crowded(state);
  return wait(state, code === 4008 ? 'too_slow' : 'broken');
}

function heard(state: State<'replaying' | 'live'>): Step {
  if (state.pinged) return { state: { ...state, pinged: false, doubted: false, heard: false }, effects: [SILENCE] };
  return state.heard ? stay(state) : stay({ ...state, heard: true });
}

function ask(state: State<'replaying' | 'live'>): Step {
  if (state.pinged) return stay(state);
  return { state: { ...state, pinged: true, heard: false }, effects: [{ kind: 'ping' }, exactly(LIMITS.pongMs)] };
}

/** Without a network an answer is not expected, but a gateway on the same machine may still give it. */
function doubt(state: State<'replaying' | 'live'>): Step {
  if (state.doubted) return stay(state);
  return {
    state: { ...state, pinged: true, doubted: true, heard: false },
    effects: [...(state.pinged ? [] : [{ kind: 'ping' } as const]), exactly(LIMITS.doubtMs)],
  };
}

function quiet(state: State<'replaying' | 'live'>): Step {
  if (state.doubted) return wait(state, 'silent', [CLOSE]);
  if (state.pinged) return doubt(state);
  return state.heard ? { state: { ...state, heard: false }, effects: [SILENCE] } : ask(state);
}

const again = (state: Counts): Step => wait(state, 'again', [CLOSE]);
const giveUp = (state: Counts): Step => wait(state, 'broken', [CLOSE]);

/** What every event does in every state. The type makes it total: a pair that is missing does not compile. */
const TRANSITIONS: { readonly [S in StateKind]: { readonly [E in EventKind]: Rule<S, E> } } = {
  idle: {
    start: () => connect({ tries: 0, attempt: 0, before: false }),
    opened: stay,
    greeted: stay,
    caught_up: stay,
    heard: stay,
    lost: stay,
    timeout: stay,
    wake: stay,
    network_gone: stay,
    again: stay,
    refused: refuse,
    stop: leave,
  },
  connecting: {
    start: stay,
    opened: (state) => ({ state: { ...state, kind: 'greeting' }, effects: [exactly(LIMITS.greetMs)] }),
    greeted: stay,
    caught_up: stay,
    heard: stay,
    lost: (state) => wait(state, 'broken', [{ kind: 'probe' }]),
    timeout: (state) => wait(state, 'broken', [CLOSE, { kind: 'probe' }]),
    wake: stay,
    network_gone: stay,
    again,
    refused: refuse,
    stop: leave,
  },
  greeting: {
    start: stay,
    opened: stay,
    greeted: (state) => ({
      state: { ...state, kind: 'replaying', heard: true, pinged: false, doubted: false },
      effects: [{ kind: 'resume' }, SILENCE],
    }),
    caught_up: stay,
    heard: stay,
    lost,
    timeout: giveUp,
    wake: stay,
    network_gone: stay,
    again,
    refused: refuse,
    stop: leave,
  },
  replaying: {
    start: stay,
    opened: stay,
    greeted: stay,
    caught_up: (state) => stay({ ...state, kind: 'live', attempt: 0, before: true }),
    heard,
    lost,
    timeout: quiet,
    wake: ask,
    network_gone: doubt,
    again,
    refused: refuse,
    stop: leave,
  },
  live: {
    start: stay,
    opened: stay,
    greeted: stay,
    caught_up: stay,
    heard,
    lost,
    timeout: quiet,
    wake: ask,
    network_gone: doubt,
    again,
    refused: refuse,
    stop: leave,
  },
  waiting: {
    start: stay,
    opened: stay,
    greeted: stay,
    caught_up: stay,
    heard: stay,
    lost: stay,
    timeout: connect,
    wake: connect,
    network_gone: ({ tries, attempt, before }) => ({
      state: { kind: 'offline', tries, attempt, before },
      effects: [exactly(LIMITS.backoffMaxMs)],
    }),
    again: stay,
    refused: refuse,
    stop: leave,
  },
  offline: {
    start: stay,
    opened: stay,
    greeted: stay,
    caught_up: stay,
    heard: stay,
    lost: stay,
    timeout: connect,
    wake: connect,
    network_gone: stay,
    again: stay,
    refused: refuse,
    stop: leave,
  },
  closed: {
    start: stay,
    opened: stay,
    greeted: stay,
    caught_up: stay,
    heard: stay,
    lost: stay,
    timeout: stay,
    wake: stay,
    network_gone: stay,
    again: stay,
    refused: stay,
    stop: stay,
  },
};

export const STATE_KINDS = Object.keys(TRANSITIONS) as StateKind[];
export const EVENT_KINDS = Object.keys(TRANSITIONS.idle) as EventKind[];

/** The next state and what is to be done. The very same state comes back when nothing changed. */
export function step(state: ConnectionState, event: ConnectionEvent): Step {
  const rule = TRANSITIONS[state.kind][event.kind] as (state: ConnectionState, event: ConnectionEvent) => Step;
  return rule(state, event);
}

/** Whether frames may be sent in this state: the gateway has greeted us. */
export function isOpen(state: ConnectionState): boolean {
  return state.kind === 'replaying' || state.kind === 'live';
}

/** Whether an answer of the other side is missing in this state. */
export function isDoubted(state: ConnectionState): boolean {
  return isOpen(state) && 'doubted' in state && state.doubted;
}

/** The sentence for a connection, or for an input, that waits for an answer. */
export const NOT_CONNECTED = 'Not connected, trying';
const RECONNECTING = `${NOT_CONNECTED}; nothing is lost`;

/** What a state means, for a person. */
export function sentence(state: ConnectionState): string {
  if (isDoubted(state)) return NOT_CONNECTED;
  switch (state.kind) {
    case 'idle':
      return 'Not connected';
    case 'connecting':
    case 'greeting':
      return state.before ? RECONNECTING : 'Connecting';
    case 'replaying':
      return 'Catching up';
    case 'live':
      return 'Live';
    case 'waiting':
      if (state.why === 'too_many') return 'Too many connections are open; close other tabs. Trying again in a while';
      if (!state.before) return 'No answer yet, trying again';
      return state.why === 'restarting' ? 'The gateway restarts; reconnecting, nothing is lost' : RECONNECTING;
    case 'offline':
      return 'You are offline; what happens meanwhile is kept';
    case 'closed':
      return state.error?.message ?? 'Closed';
  }
}
