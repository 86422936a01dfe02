import { main, VERSION } from '@mariozechner/pi-coding-agent';
import { getCapabilities, hyperlink } from '@mariozechner/pi-tui';
import { terminalText, type Author } from '@pizzapi/protocol';
import { visibleText } from '../terminal/clean.js';
import { announceHosted } from '../plain/hosted.js';
import { terminalExtension } from './extension.js';
import { askTrust, canAsk } from './askTrust.js';
import { gateFolder } from './folderGate.js';
import { hookInteractiveMode, type InteractiveModeScreen } from './interactiveModeHooks.js';
import { authorText, nameOf, type PiTerminal, type TerminalHooks } from './terminal.js';
import { TerminalSession } from './terminalSession.js';

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
    print(tint('accent', authorText(by, session?.local)));
  };
  const showShell = (command: string, output: string) => {
    const lines = terminalText(output).trimEnd().split('\n').slice(-SHELL_LINES);
    print([tint('accent', `Run from another client: $ ${visibleText(command)}`), ...lines].join('\n'));
  };

  announceHosted('terminal');
  const missing = hookInteractiveMode({
    shown: (agent, shownOn) => {
      screen = shownOn;
      if (session?.agent !== agent)
        session = new TerminalSession(agent, { introduce, showShell, onBug: (error) => hooks.onBug(error) });
      return session.uiFor(shownOn);
    },
    share: () => hooks.onShare(''),
    gone: () => hooks.onLeave('quit'),
  });
  if (missing.length > 0) process.stderr.write(`${unavailableText(missing)}\n`);
  const folder = await gateFolder({
    ...{ args, cwd: process.cwd(), ask: canAsk(args) ? askTrust : undefined },
    warn: (text) => void process.stderr.write(`${text}\n`),
  });
  await main(folder.args, {
    extensionFactories: [
      terminalExtension({
        ...{ human, approvals },
        session: () => session,
        isTrusted: (cwd) => folder.isTrusted(cwd),
        onShare: (words) => hooks.onShare(words),
        onStart: () => hooks.onStart(),
        onLeave: (why) => hooks.onLeave(why),
      }),
    ],
  });
}

/** Says that this pi has no `/share`, why, and what works in its place. */
export function unavailableText(missing: readonly string[]): string {
  const what = `/share is not available with pi ${VERSION}: its terminal has no ${missing.join(', ')}.`;
  return `${what} Choose another pi with --pi, or add /pizzapi share to this one: pi install npm:@pizzapi/pi`;
}
