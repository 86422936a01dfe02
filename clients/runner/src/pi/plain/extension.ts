import type { AgentSessionEvent, ExtensionAPI, ExtensionContext } from '@mariozechner/pi-coding-agent';
import { forwardExtensionEvents } from '../forwardExtensionEvents.js';
import { TESTED_VERSIONS } from '../../installation/piVersions.js';
import { authorText, type PiTerminal, type TerminalHooks } from '../tui/terminal.js';
import { missingFunctions } from './boundPi.js';
import { hostedBy, type HostedBy } from './hosted.js';
import { runningPi } from './runningPi.js';
import { PlainPiSession } from './session.js';
import { PlainTerminal } from './terminal.js';

/** The command that the package adds to pi, without the slash. */
const COMMAND = 'pizzapi';
const ABOUT = 'Share this session with PizzaPi: share, share --collab, status, stop, help';

/** What the command takes, for completion. */
const WORDS = [
  { value: 'share', label: 'share', description: 'Create a read-only link' },
  { value: 'share --collab', label: 'share --collab', description: 'Create a link; guests can also write' },
  { value: 'status', label: 'status', description: 'Show the share link and what is waiting to be sent' },
  { value: 'stop', label: 'stop', description: 'Stop sharing and revoke the links' },
  { value: 'help', label: 'help', description: 'Show the help of /pizzapi' },
];

const HOSTED_TEXT: Readonly<Record<HostedBy, string>> = {
  runner: 'A runner of PizzaPi hosts this session already. Share it from its page, or with `pizzapi share`.',
  terminal: 'This terminal of PizzaPi can share its session already. Use /share.',
};

/** The events that pi gives to its extensions as it gives them to its own screen. */
const EVENTS = [
  'agent_start',
  'agent_end',
  'turn_start',
  'turn_end',
  'message_start',
  'message_update',
  'message_end',
  'tool_execution_start',
  'tool_execution_update',
  'tool_execution_end',
] as const satisfies readonly AgentSessionEvent['type'][];

/** With these, pi draws something below the last notice. */
const DRAWN: ReadonlySet<string> = new Set(['message_start', 'tool_execution_start']);

/** pi has a signature for each event, and a newer pi has events that an older one does not know. */
type On = (event: string, handler: (event: never, ctx: ExtensionContext) => unknown) => void;

/**
 * Our command in a plain pi. pi loads its extensions anew for each session and on `/reload`; this object is there as long
 * as the process, so that sharing outlives a reload.
 */
export class PlainPi {
  readonly terminal = new PlainTerminal();
  readonly #hooks: TerminalHooks;
  #hasWarned = false;
  /** pi draws something for the last event. */
  #draws = false;

  constructor(hooks: (terminal: PiTerminal) => TerminalHooks) {
    this.#hooks = hooks(this.terminal);
  }

  /** Adds the command and follows the session. */
  load(pi: ExtensionAPI): void {
    const by = hostedBy();
    if (by !== undefined) return answerOnly(pi, HOSTED_TEXT[by]);
    const missing = missingFunctions(pi);
    if (missing.length > 0) {
      const what = `This pi (${runningPi().version}) does not have what /${COMMAND} needs: ${missing.join(', ')}.`;
      return answerOnly(pi, `${what} Use pi ${TESTED_VERSIONS}.`);
    }
    pi.registerCommand(COMMAND, {
      description: ABOUT,
      getArgumentCompletions: completions,
      handler: (words, ctx) => {
        if (!ctx.hasUI) throw new Error(`/${COMMAND} needs the terminal of pi`);
        this.#warnOnce();
        this.#hooks.onShare(words);
        return Promise.resolve();
      },
    });
    this.#followLife(pi);
    this.#followAgent(pi);
  }

  /** Says that our tests do not cover this pi, before it is used. */
  #warnOnce(): void {
    const { version, isTested } = runningPi();
    if (isTested || this.#hasWarned) return;
    this.#hasWarned = true;
    const text = `PizzaPi is tested with pi ${TESTED_VERSIONS}; this is ${version}. If something is missing, that may be why.`;
    this.terminal.print(this.terminal.tint('warning', text));
  }

  get #session(): PlainPiSession | undefined {
    return this.terminal.session;
  }

  /** Carries out what an event needs. What goes wrong here is ours, and stays away from pi. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#hooks.onBug(error);
    }
  }

  #followLife(pi: ExtensionAPI): void {
    pi.on('session_start', (_event, ctx) =>
      this.#guarded(() => {
        const bound = { pi, ctx };
        this.terminal.bind(bound);
        // After a reload it is the same session.
        if (this.#session?.id === ctx.sessionManager.getSessionId()) this.#session.bind(bound);
        else this.terminal.session = this.#sessionOf(pi, ctx);
        this.#hooks.onStart();
      }),
    );
    pi.on('session_shutdown', async ({ reason }) => {
      if (reason !== 'reload') await this.#hooks.onLeave(reason === 'quit' ? 'quit' : 'replaced');
      this.#guarded(() => {
        this.#session?.bind(undefined);
        this.terminal.bind(undefined);
        if (reason !== 'reload') this.terminal.session = undefined;
      });
    });
  }

  #sessionOf(pi: ExtensionAPI, ctx: ExtensionContext): PlainPiSession {
    const { terminal } = this;
    const session = new PlainPiSession(
      { pi, ctx },
      {
        piVersion: runningPi().version,
        introduce: (by) => terminal.print(terminal.tint('accent', authorText(by, session.local))),
        onBug: (error) => this.#hooks.onBug(error),
        warn: (text) => terminal.print(terminal.tint('warning', text)),
      },
    );
    return session;
  }

  #followAgent(pi: ExtensionAPI): void {
    const on: On = (name, handler) => Reflect.apply(pi.on.bind(pi), undefined, [name, handler]) as unknown;
    for (const name of EVENTS)
      on(name, (event: AgentSessionEvent) =>
        this.#guarded(() => {
          // pi draws when all extensions have handled an event: what was drawn is known at the next one.
          if (this.#draws) this.terminal.drawn();
          this.#draws = DRAWN.has(event.type);
          this.#session?.observe(event);
        }),
      );
    pi.on('thinking_level_select', ({ level }) =>
      this.#guarded(() => this.#session?.tell({ type: 'thinking_level_changed', at: Date.now(), level })),
    );
    void forwardExtensionEvents(
      (event) => this.#guarded(() => this.#session?.tell(event)),
      (model) => this.#session?.authSource(model) ?? null,
    )(pi);
    pi.on('input', ({ text, source }) => {
      this.#guarded(() => this.#session?.inputs.shown(text, source !== 'extension'));
      return { action: 'continue' };
    });
    on('session_before_compact', (event: { reason?: 'manual' | 'threshold' | 'overflow'; signal: AbortSignal }) =>
      this.#guarded(() => this.#session?.compaction.begun(event.reason ?? 'manual', event.signal)),
    );
    pi.on('session_compact', ({ compactionEntry }) =>
      this.#guarded(() => this.#session?.compaction.ended(compactionEntry)),
    );
    on('session_compact_failed', (event: { errorMessage?: string; aborted: boolean }) =>
      this.#guarded(() => this.#session?.compaction.failed(event.errorMessage, event.aborted)),
    );
  }
}

/**
 * The words that complete what is typed. While a list is open, Enter takes its first line. Where nothing is
 * left to complete, there is no list.
 */
export function completions(typed: string): typeof WORDS | null {
  if (typed === '' || WORDS.some(({ value }) => value === typed)) return null;
  const found = WORDS.filter(({ value }) => value.startsWith(typed));
  return found.length === 0 ? null : found;
}

/** The command where it cannot share: it says why. */
function answerOnly(pi: ExtensionAPI, text: string): void {
  pi.registerCommand(COMMAND, {
    description: ABOUT,
    handler: (_words, ctx) => {
      ctx.ui.notify(text, 'warning');
      return Promise.resolve();
    },
  });
}
