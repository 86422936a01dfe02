import {
  runnerLabels,
  type AuthOptions,
  type ErrorInfo,
  type Me,
  type RunnerInfo,
  type SessionInfo,
} from '@pizzapi/protocol';
import { watchConnectivity, openHub, openRunners, type ConnectionView, type Hub } from '@pizzapi/session-client';
import { waiting } from './waiting.svelte.js';
import { api, signedIn } from './client.js';
import { finishIssuerSignIn } from './issuer.svelte.js';
import { drafts } from './drafts.svelte.js';
import { renderScheduler } from './renderScheduler.js';
import { forgetLinks } from './guest.svelte.js';
import { notifications } from './notifications.svelte.js';
import { pageToken } from './pageToken.js';
import { loginToken } from '../model/route.js';
import { liveState } from '../model/liveState.js';
import { visible } from '../model/visible.js';
import { sessionPages } from './sessionPages.svelte.js';
import { router } from './router.svelte.js';
import { forgetPerson } from './storage.js';
import { toasts } from './toasts.svelte.js';

/** Who sits in front of the page. `out` says why, where there is something to say, and which forms let one in. */
export type Signed =
  | { kind: 'checking' }
  | { kind: 'in'; me: Me }
  | { kind: 'out'; reason?: string; options: AuthOptions; wasThroughIssuer?: boolean }
  | { kind: 'unreachable'; reason: string };

/** What the dialog for a new session begins with. */
export interface NewSessionPreset {
  runnerId?: string;
  cwd?: string;
  prompt?: string;
  /** The session whose unsent messages the prompt is: they are taken along. */
  takenFrom?: string;
}

/** What is shown when the gateway does not say: the link alone. */
const LINK_ONLY: AuthOptions = { signup: 'closed', accounts: false };

/** What the whole page knows: the person, all sessions, all runners. */
class AppState {
  signed = $state.raw<Signed>({ kind: 'checking' });
  sessions = $state.raw<readonly SessionInfo[]>([]);
  runners = $state.raw<readonly RunnerInfo[]>([]);
  connection = $state.raw<ConnectionView>();
  /** The first list has come. */
  loaded = $state.raw(false);
  /** Where the list comes from, while somebody is signed in. */
  hub = $state.raw<Hub>();
  newSession = $state<{ open: boolean } & NewSessionPreset>({ open: false });
  switcher = $state(false);
  /** The dialog that lists the keys is open. */
  shortcuts = $state(false);
  /** The dialog that leads to a phone. */
  phone = $state(false);
  /** The dialog that makes a machine a host. */
  addHost = $state(false);
  readonly waiting = $derived(this.sessions.filter((session) => liveState(session) === 'waiting').length);
  readonly #byId = $derived(new Map(this.sessions.map((session) => [session.sessionId, session])));
  readonly #labels = $derived(runnerLabels(this.runners));
  readonly #runnersById = $derived(new Map(this.runners.map((runner) => [runner.runnerId, runner])));

  #stop: (() => void)[] = [];

  session(sid: string): SessionInfo | undefined {
    return this.#byId.get(sid);
  }

  /** Whether the list, with all its pages, has no such session. */
  isGone(sid: string): boolean {
    return this.loaded && this.session(sid) === undefined && sessionPages.isMissing(sid);
  }

  /** What the lists call a runner: runners with equal names are told apart. */
  runnerLabel(rid: string): string {
    return this.#labels.get(rid) ?? rid;
  }

  runner(rid: string): RunnerInfo | undefined {
    return this.#runnersById.get(rid);
  }

  /** Who is signed in. */
  get me(): Me | undefined {
    return this.signed.kind === 'in' ? this.signed.me : undefined;
  }

  /** Trades the token of a sign-in link, if the page was opened by one, and finds out who is there. */
  async start(): Promise<void> {
    const token = loginToken(location.hash);
    let reason: string | undefined;
    if (token !== undefined) {
      const login = await api.link(token);
      router.go('/', { replace: true });
      // The link may be an old one in the history of somebody who is signed in: the cookie decides.
      if (login.kind === 'failed') reason = login.error.message;
      else pageToken.keep(login.value.pageToken);
    }
    const back = await finishIssuerSignIn();
    if (back !== undefined && 'error' in back) {
      router.go('/', { replace: true });
      reason = back.error.message;
    } else if (back !== undefined) {
      pageToken.keep(back.pageToken);
      router.go(back.returnTo, { replace: true });
    }
    await this.enter(reason);
  }

  /** Finds out who is there, and shows them what is theirs. `reason` is shown when it is nobody. */
  async enter(reason?: string): Promise<void> {
    const me = await api.me();
    if (me.kind === 'ok') return this.#enter(me.value);
    if (me.status === 401) return this.#leave(reason);
    this.signed = { kind: 'unreachable', reason: me.error.message };
    setTimeout(() => void this.start(), 2_000);
  }

  /** After the person has changed something about themselves. */
  async refreshMe(): Promise<void> {
    const me = await api.me();
    if (me.kind === 'ok' && this.signed.kind === 'in') this.signed = { kind: 'in', me: me.value };
  }

  async signOut(): Promise<void> {
    const wasThroughIssuer = this.me?.issuer !== undefined;
    await notifications.forget();
    const left = await api.logout();
    if (left.kind === 'failed') return toasts.error(left.error);
    pageToken.forget();
    router.go('/', { replace: true });
    forgetPerson();
    drafts.clear();
    await this.#leave('You are signed out.', wasThroughIssuer);
  }

  async deleteSession(sid: string): Promise<void> {
    const gone = await api.deleteSession(sid);
    if (gone.kind === 'failed') return toasts.error(gone.error);
    this.sessions = this.sessions.filter(({ sessionId }) => sessionId !== sid);
    if (router.route.page === 'session' && router.route.sid === sid) router.go('/', { replace: true });
    toasts.info('Session deleted.');
  }

  openNewSession(preset: NewSessionPreset = {}): void {
    this.newSession = { open: true, ...preset };
  }

  #enter(me: Me): void {
    this.#close();
    forgetLinks();
    this.signed = { kind: 'in', me };
    const hub = openHub(signedIn);
    const runners = openRunners(signedIn);
    this.hub = hub;
    let current = true;
    const pullHub = () => {
      // A frame that was asked for before the end must not bring back what is forgotten.
      if (!current) return;
      const { state } = hub.connection;
      sessionPages.pull(hub);
      this.sessions = [...hub.sessions.values()].map(visible);
      this.connection = hub.connection;
      this.loaded ||= state.kind === 'live';
      waiting.pull(hub);
      if (state.kind === 'closed' && state.error !== undefined) void this.#leave(reasonOf(state.error));
    };
    const pullRunners = () => {
      if (current) this.runners = [...runners.runners.values()].map(visible);
    };
    this.#stop = [
      hub.subscribe(() => renderScheduler.schedule(pullHub)),
      runners.subscribe(() => renderScheduler.schedule(pullRunners)),
      watchConnectivity(hub),
      watchConnectivity(runners),
      () => {
        current = false;
        hub.close();
        runners.close();
      },
    ];
    pullHub();
    pullRunners();
  }

  async #leave(reason?: string, wasThroughIssuer = false): Promise<void> {
    this.#close();
    const options = await api.authOptions();
    this.signed = {
      ...{ kind: 'out', wasThroughIssuer },
      options: options.kind === 'ok' ? options.value : LINK_ONLY,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  /** Forgets everything of who was there. */
  #close(): void {
    for (const stop of this.#stop) stop();
    this.#stop = [];
    this.hub = undefined;
    waiting.clear();
    notifications.clear();
    sessionPages.clear();
    this.sessions = [];
    this.runners = [];
    this.connection = undefined;
    this.loaded = false;
    this.newSession = { open: false };
    this.switcher = false;
    this.shortcuts = false;
  }
}

/** Why somebody who was signed in is not any more. */
function reasonOf(error: ErrorInfo): string {
  return error.code === 'unauthenticated' ? 'You were signed out.' : error.message;
}

export const app = new AppState();

// A link that is opened in this very tab changes nothing but the fragment, and the page must start anew.
addEventListener('hashchange', () => {
  if (loginToken(location.hash) !== undefined) location.reload();
});
