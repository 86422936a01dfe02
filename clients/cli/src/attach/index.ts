import { errorInfo } from '@pizzapi/protocol';
import { isOpen, openSession, type Api, type Session } from '@pizzapi/session-client';
import { FullScreenTerminal, initialiseTheme, TUI } from '@pizzapi/runner/terminal';
import { EXIT, Failure, interruptible, line, type Io } from '../io.js';
import { explainAccessError, type SessionRef } from '../sessionRef.js';
import { Controller } from './controller.js';
import { HangUp } from './hangUp.js';
import { loadViewState, saveViewState } from './viewState.js';
import { storedQueueOnStop } from './queueOnStop.js';
import { Screen } from './screen.js';
import { namesFor } from './status.js';
import { gatewayApi, OUTBOUND } from '@pizzapi/runner/access';

/** Events that a session is opened with; earlier ones come when somebody looks for them. */
const FIRST_EVENTS = 400;
/** Pages of earlier events that are read to find where somebody was. */
const MAX_PAGES_BACK = 10;

export interface AttachOptions {
  /** Where it is kept what was left unsent. */
  home: string;
  /** What a guest wants to be called. */
  name?: string;
}

/** Shows a session until the person leaves it. Resolves with the exit code. */
export async function attach(place: SessionRef, { home, name }: AttachOptions, io: Io): Promise<number> {
  const { url, token, shareToken, sid } = place;
  const credentials = {
    ...(token === undefined ? {} : { token }),
    ...(shareToken === undefined ? {} : { shareToken }),
  };
  const named = name === undefined ? {} : { name };
  const api = gatewayApi({ url, client: 'terminal', ...credentials });
  // Said at once, and not as a connection that does not come about.
  const known = await api.session(sid);
  if (known.kind === 'failed') throw new Failure(explainAccessError(known.error, place));
  const session = openSession({
    ...{ url, sessionId: sid, client: 'terminal', ...credentials, ...named },
    ...{ tail: FIRST_EVENTS, ...OUTBOUND },
  });
  try {
    if (!(await greeted(session, io))) return EXIT.interrupted;
    const me = await api.me();
    const left = await show(session, api, me.kind === 'ok' ? me.value.userId : undefined, home, io);
    if (left === 'hung_up') return EXIT.hungUp;
    const { state } = session.connection;
    if (state.kind === 'closed' && state.error !== undefined) throw new Failure(state.error);
  } catch (thrown) {
    throw thrown instanceof Failure ? new Failure(explainAccessError(thrown.info, place), thrown.exitCode) : thrown;
  } finally {
    session.close();
  }
  line(
    io.stderr,
    place.guest ? `You have left ${sid}.` : `You have left ${sid}. Reconnect with: pizzapi attach ${sid}`,
  );
  return EXIT.ok;
}

/** Waits until the gateway has said hello; false when somebody has had enough of waiting. */
function greeted(session: Session, io: Io): Promise<boolean> {
  let told: string | undefined;
  let stop = (): void => undefined;
  const answer = interruptible(
    io,
    (signal) =>
      new Promise<boolean>((resolve, reject) => {
        const look = () => {
          const { state, sentence } = session.connection;
          if (state.kind === 'closed') reject(new Failure(state.error ?? errorInfo('gateway_unreachable')));
          else if (isOpen(state)) resolve(true);
          else if (state.kind === 'waiting' && told !== sentence) line(io.stderr, (told = sentence));
        };
        stop = session.subscribe(look);
        signal.addEventListener('abort', () => resolve(false), { once: true });
        look();
      }),
  );
  return answer.finally(() => stop());
}

/** Takes the terminal. Gives it back when the person leaves or the session closes. Reports a terminal that is gone. */
async function show(
  session: Session,
  api: Api,
  me: string | undefined,
  home: string,
  io: Io,
): Promise<'left' | 'hung_up'> {
  initialiseTheme();
  const ui = new TUI(new FullScreenTerminal(), true);
  const screen = new Screen(ui, session, namesFor(me));
  const kept = loadViewState(home, session.sessionId);
  ui.addChild(screen);
  let leave = (): void => undefined;
  const left = new Promise<void>((resolve) => (leave = resolve));
  const controller = new Controller(ui, session, screen, api, leave, { me, onStop: storedQueueOnStop(home) });
  for (const text of kept.history) screen.editor.addToHistory(text);
  controller.history.push(...kept.history);
  screen.editor.setText(kept.draft);
  const stopListening = session.subscribe((change) => {
    if (change.rebuilt) screen.pane.prune(session.transcript.items);
    if (change.problem && session.problem !== undefined) controller.say(session.problem.message, 'error');
    controller.sync();
    ui.requestRender();
    if (session.connection.state.kind === 'closed') leave();
  });
  const wake = () => {
    session.wake();
    ui.requestRender(true);
  };
  const keep = () => {
    const draft = screen.editor.getExpandedText();
    saveViewState(home, session.sessionId, { draft, history: controller.history, anchor: screen.pane.anchor });
  };
  io.signals.on('SIGCONT', wake);
  const hangUp = new HangUp(io, leave);
  process.once('exit', keep);
  ui.start();
  try {
    void goBackTo(kept.anchor, session, screen, ui);
    await interruptible(io, (signal) => {
      signal.addEventListener('abort', leave, { once: true });
      return left;
    });
  } finally {
    stopListening();
    io.signals.off('SIGCONT', wake);
    process.off('exit', keep);
    try {
      keep();
      if (!hangUp.isGone) await ui.terminal.drainInput();
    } finally {
      // A terminal that is gone takes no more settings.
      if (!hangUp.isGone) ui.stop();
      screen.pane.close();
    }
  }
  hangUp.stop();
  return hangUp.isGone ? 'hung_up' : 'left';
}

/** Shows again what was looked at last time, as far as it is still there. */
async function goBackTo(anchor: Screen['pane']['anchor'], session: Session, screen: Screen, ui: TUI): Promise<void> {
  if (anchor.kind === 'end') return;
  await live(session);
  const isThere = () => session.transcript.items.some(({ id }) => id === anchor.id);
  for (let page = 0; page < MAX_PAGES_BACK && !isThere() && session.hasEarlier; page++) {
    if ((await session.loadEarlier()).kind === 'failed') return;
  }
  // Whoever has scrolled meanwhile is where they want to be.
  if (!isThere() || screen.pane.anchor.kind !== 'end') return;
  screen.pane.anchor = anchor;
  ui.requestRender();
}

function live(session: Session): Promise<void> {
  if (session.connection.state.kind === 'live') return Promise.resolve();
  return new Promise((resolve) => {
    const stop = session.subscribe(() => {
      const { kind } = session.connection.state;
      if (kind !== 'live' && kind !== 'closed') return;
      stop();
      resolve();
    });
  });
}
