import {
  BEARER_PREFIX,
  PAGE_TOKEN,
  SHARE_TOKEN,
  SUBPROTOCOL,
  decodeMany,
  encode,
  errorInfo,
  isSocketProtocolCompatible,
  type ErrorInfo,
} from '@pizzapi/protocol';
import { createApi, type Api } from './api.js';
import {
  isDoubted,
  isOpen,
  step,
  type ConnectionEvent,
  type ConnectionState,
  type Effect,
} from './connectionMachine.js';
import { isToken, malformedToken, type ApiResult } from './http.js';

/** What we use of a WebSocket: the browser's and `ws`'s both have it. */
export interface WebSocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** Time, injected so that tests own it. */
export interface ConnectionClock {
  /** ms since any fixed moment. */
  now(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

export const SYSTEM_CLOCK: ConnectionClock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

/** What every connection of ours needs to know. */
export interface ConnectOptions {
  /** `http(s)://` or `ws(s)://` addresses of gateways, any of which serves: they are taken in turn. */
  url: string | readonly string[];
  /** A share token or API key; without one the browser's cookie speaks. */
  token?: string;
  /** What a page shows beside its cookie: asked for at every connection. */
  pageToken?: () => string | undefined;
  /** The token of a share link beside the own credential: the person is its guest, under the name of the account. */
  shareToken?: string;
  /** Default: the global one. On Node pass the class of the `ws` package. */
  WebSocket?: WebSocketConstructor;
  /** How frames are written. Default: msgpack. */
  protocol?: 'msgpack' | 'json';
  fetch?: typeof globalThis.fetch;
  clock?: ConnectionClock;
  /** Whether no person can see the page. Default: what the browser reports. */
  isHidden?: () => boolean;
  /** 0 ≤ x < 1, for the jitter. */
  random?: () => number;
}

export interface ConnectionFeed {
  /** `/ws/sessions/<sid>` */
  path: string;
  /** All frames of one WebSocket message. */
  onFrames(frames: readonly unknown[]): void;
  onState(state: ConnectionState): void;
  /** The frame that answers the greeting, if any. */
  resume?(): object;
  /** Asks over HTTP whether trying again is any use: an error when it is not. */
  probe(url: string): Promise<ErrorInfo | undefined>;
}

/** Carries out what the machine in `connection.ts` decides. */
export class Connection {
  readonly #urls: readonly string[];
  readonly #options: ConnectOptions;
  readonly #feed: ConnectionFeed;
  readonly #clock: ConnectionClock;
  #state: ConnectionState = { kind: 'idle' };
  #socket: WebSocketLike | undefined;
  #timer: unknown;
  #url: string;

  constructor(options: ConnectOptions, feed: ConnectionFeed) {
    this.#urls = typeof options.url === 'string' ? [options.url] : options.url;
    if (this.#urls.length === 0) throw new RangeError('a connection needs an address');
    this.#options = options;
    this.#feed = feed;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#url = this.#urls[0]!;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The address in use, as it was given. */
  get url(): string {
    return this.#url;
  }

  /** Tells the machine what happened. */
  dispatch(event: ConnectionEvent): void {
    const { state, effects } = step(this.#state, event);
    const shown = this.#state.kind !== state.kind || isDoubted(this.#state) !== isDoubted(state);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    // Last, so that a `resume` is on its way before anybody who waits for the connection sends something.
    if (shown) this.#feed.onState(state);
  }

  /** False when there is nobody to send to now: the frame was not sent. */
  send(frame: object): boolean {
    if (this.#socket === undefined || !isOpen(this.#state)) return false;
    this.#write(frame);
    return true;
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'open':
        return this.#open(effect.tries);
      case 'close':
        return this.#drop();
      case 'resume': {
        const frame = this.#feed.resume?.();
        return frame === undefined ? undefined : this.#write(frame);
      }
      case 'ping':
        return this.#write({ type: 'ping' });
      case 'probe':
        return this.#probe();
      case 'timer': {
        const { random = Math.random, isHidden = isPageHidden } = this.#options;
        const between = effect.minMs + Math.round(random() * (effect.maxMs - effect.minMs));
        const ms = effect.hiddenMs !== undefined && isHidden() ? effect.hiddenMs : between;
        this.#clearTimer();
        this.#timer = this.#clock.setTimeout(() => this.dispatch({ kind: 'timeout' }), ms);
        return;
      }
      case 'no_timer':
        return this.#clearTimer();
    }
  }

  #open(tries: number): void {
    this.#drop();
    this.#url = this.#urls[tries % this.#urls.length]!;
    const address = `${this.#url.replace(/^http/, 'ws').replace(/\/+$/, '')}${this.#feed.path}`;
    const { token, pageToken, shareToken, protocol = 'msgpack' } = this.#options;
    // Later, so that the caller that starts the connection can listen first.
    if ([token, shareToken].some((one) => one !== undefined && !isToken(one)))
      return queueMicrotask(() => this.dispatch({ kind: 'refused', error: malformedToken() }));
    const shown = token === undefined ? pageToken?.() : undefined;
    const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
    const socket = new Socket(address, [
      SUBPROTOCOL[protocol],
      ...(token === undefined ? [] : [BEARER_PREFIX + token]),
      ...(shown === undefined ? [] : [PAGE_TOKEN.prefix + shown]),
      ...(shareToken === undefined ? [] : [SHARE_TOKEN.prefix + shareToken]),
    ]);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    // A socket that was dropped may still speak: only the present one is listened to.
    const current = (fn: () => void) => (this.#socket === socket ? fn() : undefined);
    socket.onopen = () => current(() => this.dispatch({ kind: 'opened' }));
    socket.onmessage = (message: { data: unknown }) => current(() => this.#receive(message.data));
    socket.onerror = () => undefined;
    socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      current(() => {
        this.#socket = undefined;
        this.dispatch({ kind: 'lost', code, reason });
      });
  }

  #receive(data: unknown): void {
    this.dispatch({ kind: 'heard' });
    const frames = framesOf(data);
    if (frames === undefined) this.dispatch({ kind: 'again' });
    else this.#feed.onFrames(frames);
  }

  #probe(): void {
    void this.#feed.probe(this.#url).then(
      (error) => {
        // A network that asks for a sign-in answers for every address, until the person has signed in.
        const isMomentary = error?.code === 'not_a_gateway' && 'before' in this.#state && this.#state.before;
        if (error !== undefined && !isMomentary) this.dispatch({ kind: 'refused', error });
      },
      () => undefined,
    );
  }

  #write(frame: object): void {
    const json = this.#options.protocol === 'json';
    this.#socket?.send(json ? JSON.stringify(frame) : (encode(frame) as Uint8Array<ArrayBuffer>));
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

const isPageHidden = (): boolean => typeof document !== 'undefined' && document.visibilityState === 'hidden';

/** The frames of one message: several in a binary one, one in a text. Undefined when it cannot be read. */
function framesOf(data: unknown): unknown[] | undefined {
  try {
    if (typeof data === 'string') return [JSON.parse(data) as unknown];
    return data instanceof ArrayBuffer ? decodeMany(new Uint8Array(data)) : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with a greeting's protocol version, if anything. */
export function versionProblem(protocol: unknown): ErrorInfo | undefined {
  if (isSocketProtocolCompatible(protocol)) return undefined;
  return errorInfo(
    'bad_frame',
    `The gateway speaks version ${String(protocol)} of the protocol; reload the page or update`,
  );
}

/** The API at an address, with the credentials and the fetch of a connection. */
export function apiAt(url: string, { token, pageToken, shareToken, fetch }: ConnectOptions): Api {
  return createApi({
    url,
    ...(token === undefined ? {} : { token }),
    ...(pageToken === undefined ? {} : { pageToken }),
    ...(shareToken === undefined ? {} : { shareToken }),
    ...(fetch === undefined ? {} : { fetch }),
  });
}

/** Answers that say "not you", "not this" or "not by this address": trying again is no use. */
const FINAL_ANSWERS: readonly number[] = [401, 403, 404, 410, 421];

/** A `probe` that asks the API. */
export function probeWith(
  options: ConnectOptions,
  ask: (api: Api) => Promise<ApiResult<unknown>>,
): ConnectionFeed['probe'] {
  return async (url) => {
    const answer = await ask(apiAt(url, options));
    if (answer.kind === 'ok') return undefined;
    const isFinal = FINAL_ANSWERS.includes(answer.status) || answer.error.code === 'not_a_gateway';
    return isFinal ? answer.error : undefined;
  };
}
