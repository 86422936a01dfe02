import { main } from '@mariozechner/pi-coding-agent';
import { getCapabilities, hyperlink } from '@mariozechner/pi-tui';
import { terminalText, type Author } from '@pizzapi/protocol';
import { visibleText } from '../terminal/clean.js';
import { terminalExtension } from './extension.js';
import { hookInteractiveMode, type InteractiveModeScreen } from './interactiveModeHooks.js';
import { TerminalSession } from './terminalSession.js';

export type { TerminalSession } from './terminalSession.js';

type Tint = 'accent' | 'success' | 'warning' | 'error' | 'dim' | 'muted';

/** What the hosting side may do with the terminal. */
export interface PiTerminal {
  /** The session that it shows, or undefined before the first. */
  readonly session: TerminalSession | undefined;
  /** Adds lines below the conversation, in this terminal alone. */
  print: (text: string) => void;
  /** Keeps a text in the footer; undefined takes it away. */
  setStatus: (text: string | undefined) => void;
  tint: (colour: Tint, text: string) => string;
  /** Who an author is to the person who sits here. */
  nameOf: (by: Author) => string;
  /** A web address that can be clicked where the terminal knows how, however many lines it takes. */
  link: (url: string) => string;
  readonly columns: number;
  readonly rows: number;
}

/** What the terminal tells the hosting side. */
export interface TerminalHooks {
  /** The person typed `/share` with these words behind it. */
  onShare(words: string): void;
  /** A session is shown: the first, another one, or the same after a reload. */
  onStart(): void;
  /** The session goes, with the terminal or for another. The terminal waits for this; it has to be bounded. */
  onLeave(why: 'quit' | 'replaced'): Promise<void>;
  /** Something of ours went wrong, and harmed nothing. */
  onBug(error: unknown): void;
}

export interface TerminalOptions {
  /** pi's arguments. */
  args: readonly string[];
  human: boolean;
  approvals: 'allow' | 'ask';
  /** Made before pi starts. */
  hooks: (terminal: PiTerminal) => TerminalHooks;
}

/** Of a shell command that somebody else ran the last so many lines are shown. */
const SHELL_LINES = 20;

const SELF = 'You (from another client)';

/** Who an author is to the person at the terminal, whose own account may be at work elsewhere too. */
function nameOf({ name, userId, via }: Author, local: Author | undefined): string {
  if (via === 'collab') return `${visibleText(name ?? 'A guest')} (guest)`;
  if (via === 'api') return `${visibleText(name ?? userId)} (by an API key)`;
  return userId === local?.userId ? SELF : `${visibleText(name ?? userId)} (from another client)`;
}

/** Runs pi with our extension: its terminal UI, or whatever else its arguments ask for. Resolves when pi's `main` does. */
export async function runPi({ args, human, approvals, hooks: make }: TerminalOptions): Promise<void> {
  let screen: InteractiveModeScreen | undefined;
  let session: TerminalSession | undefined;
  const tint: PiTerminal['tint'] = (colour, text) => screen?.ui.theme.fg(colour, text) ?? text;
  const print = (text: string) => screen?.print(text);
  const terminal: PiTerminal = {
    get session() {
      return session;
    },
    get columns() {
      return process.stdout.columns;
    },
    get rows() {
      return process.stdout.rows;
    },
    link: (url) => (getCapabilities().hyperlinks ? hyperlink(url, url) : url),
    nameOf: (by) => nameOf(by, session?.local),
    print,
    setStatus: (text) => screen?.ui.setStatus('pizzapi', text),
    tint,
  };
  const hooks = make(terminal);
  const introduce = (by: Author) => {
    const name = nameOf(by, session?.local);
    print(tint('accent', name === SELF ? `${SELF}:` : `${name} says:`));
  };
  const showShell = (command: string, output: string) => {
    const lines = terminalText(output).trimEnd().split('\n').slice(-SHELL_LINES);
    print([tint('accent', `Run from another client: $ ${visibleText(command)}`), ...lines].join('\n'));
  };

  hookInteractiveMode({
    shown: (agent, shownOn) => {
      screen = shownOn;
      if (session?.agent !== agent)
        session = new TerminalSession(agent, { introduce, showShell, onBug: (error) => hooks.onBug(error) });
      return session.uiFor(shownOn);
    },
    share: () => hooks.onShare(''),
    gone: () => hooks.onLeave('quit'),
  });
  await main([...args], {
    extensionFactories: [
      terminalExtension({
        ...{ human, approvals },
        session: () => session,
        onShare: (words) => hooks.onShare(words),
        onStart: () => hooks.onStart(),
        onLeave: (why) => hooks.onLeave(why),
      }),
    ],
  });
}
