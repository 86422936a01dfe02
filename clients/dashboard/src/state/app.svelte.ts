import type { Me, RunnerInfo, SessionInfo } from '@pizzapi/protocol';
import { followPage, openHub, openRunners, type ConnectionView, type Hub, type Runners } from '@pizzapi/session-client';
import { api, GATEWAY } from './client.js';
import { frames } from './frames.js';
import { loginToken } from './route.js';
import { router } from './router.svelte.js';
import { toasts } from './toasts.svelte.js';

/** Who sits in front of the page. `signed_out` says why, where there is something to say. */
export type Signed =
  | { kind: 'checking' }
  | { kind: 'in'; me: Me }
  | { kind: 'out'; reason?: string }
  | { kind: 'unreachable'; reason: string };

/** What the whole page knows: the person, all sessions, all runners. */
class AppState {
  signed = $state.raw<Signed>({ kind: 'checking' });
  sessions = $state.raw<readonly SessionInfo[]>([]);
  runners = $state.raw<readonly RunnerInfo[]>([]);
  connection = $state.raw<ConnectionView>();
  /** The first list has come. */
  loaded = $state.raw(false);
  newSession = $state<{ open: boolean; runnerId?: string; cwd?: string; prompt?: string }>({ open: false });
  switcher = $state(false);
  readonly waiting = $derived(
    this.sessions.filter((session) => session.state === 'waiting' && session.host !== 'lost').length,
  );
  readonly #byId = $derived(new Map(this.sessions.map((session) => [session.sessionId, session])));
  readonly #runnersById = $derived(new Map(this.runners.map((runner) => [runner.runnerId, runner])));

  #hub: Hub | undefined;
  #runners: Runners | undefined;

  session(sid: string): SessionInfo | undefined {
    return this.#byId.get(sid);
  }

  runner(rid: string): RunnerInfo | undefined {
    return this.#runnersById.get(rid);
  }

  /** Trades the token of a sign-in link, if the page was opened by one, and finds out who is there. */
  async start(): Promise<void> {
    const token = loginToken(location.hash);
    if (token !== undefined) {
      const login = await api.login(token);
      router.go('/', { replace: true });
      if (login.kind === 'failed') {
        // The link may be an old one in the history of somebody who is signed in: the cookie decides.
        const me = await api.me();
        if (me.kind === 'ok') return this.#enter(me.value);
        this.signed = { kind: 'out', reason: login.error.message };
        return;
      }
    }
    const me = await api.me();
    if (me.kind === 'ok') return this.#enter(me.value);
    this.signed = me.status === 401 ? { kind: 'out' } : { kind: 'unreachable', reason: me.error.message };
    if (me.status !== 401) setTimeout(() => void this.start(), 2_000);
  }

  async signOut(): Promise<void> {
    const left = await api.logout();
    if (left.kind === 'failed') return toasts.error(left.error);
    this.#hub?.close();
    this.#runners?.close();
    this.sessions = [];
    this.signed = { kind: 'out', reason: 'You are signed out.' };
  }

  async deleteSession(sid: string): Promise<void> {
    const gone = await api.deleteSession(sid);
    if (gone.kind === 'failed') return toasts.error(gone.error);
    this.sessions = this.sessions.filter(({ sessionId }) => sessionId !== sid);
    if (router.route.page === 'session' && router.route.sid === sid) router.go('/', { replace: true });
    toasts.info('Session deleted.');
  }

  openNewSession(preset: { runnerId?: string; cwd?: string; prompt?: string } = {}): void {
    this.newSession = { open: true, ...preset };
  }

  #enter(me: Me): void {
    this.signed = { kind: 'in', me };
    const hub = (this.#hub = openHub({ url: GATEWAY }));
    const runners = (this.#runners = openRunners({ url: GATEWAY }));
    const pullHub = () => {
      const { state } = hub.connection;
      this.sessions = [...hub.sessions.values()];
      this.connection = hub.connection;
      this.loaded ||= state.kind === 'live';
      if (state.kind === 'closed' && state.error !== undefined)
        this.signed = { kind: 'out', reason: state.error.message };
    };
    const pullRunners = () => (this.runners = [...runners.runners.values()]);
    hub.subscribe(() => frames.schedule(pullHub));
    runners.subscribe(() => frames.schedule(pullRunners));
    followPage(hub);
    followPage(runners);
    pullHub();
    pullRunners();
  }
}

export const app = new AppState();
