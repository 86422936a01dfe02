import { InteractiveMode, type AgentSession, type ExtensionUIContext } from '@mariozechner/pi-coding-agent';
import { Spacer, Text, type Container, type TUI } from '@mariozechner/pi-tui';

/** The exit code of a process that SIGTERM has ended, as shells have it. */
const SIGTERM_EXIT = 143;

/** The terminal as pi draws it: what can be shown in it beside what extensions may show. */
export interface InteractiveModeScreen {
  /** pi's own dialogs, notices and footer: what is done here is seen in this terminal alone. */
  readonly ui: ExtensionUIContext;
  /** Adds lines below the conversation. Unlike a notice of pi, the next one does not replace them. */
  print(text: string): void;
}

export interface InteractiveModeHooks {
  /** A session is shown in the terminal; the result is what its extensions get as `ctx.ui`. Called again and again. */
  shown(session: AgentSession, screen: InteractiveModeScreen): ExtensionUIContext;
  /** The person typed a bare `/share`. */
  share(): void;
  /** The terminal is gone. The process ends once this resolves. */
  gone(): Promise<void>;
}

/** What this file uses of pi's interactive mode and its declarations call private. */
interface InteractiveModeInternals {
  readonly session: AgentSession;
  readonly ui: TUI;
  readonly chatContainer: Container;
  isShuttingDown: boolean;
  createExtensionUIContext: (this: InteractiveModeInternals) => ExtensionUIContext;
  handleShareCommand: () => Promise<void>;
  emergencyTerminalExit: (this: InteractiveModeInternals) => void;
  unregisterSignalHandlers: (this: InteractiveModeInternals) => void;
}
const METHODS = [
  'createExtensionUIContext',
  'handleShareCommand',
  'emergencyTerminalExit',
  'unregisterSignalHandlers',
] as const;

type Methods = Pick<InteractiveModeInternals, (typeof METHODS)[number]>;

/** The names of the methods that an interactive mode of pi lacks: without all of them there is no `/share`. */
export function missingMethods(prototype: object): string[] {
  return METHODS.filter((name) => typeof Reflect.get(prototype, name) !== 'function');
}

/**
 * The one place that reaches into pi's interactive mode, because its `main` hands out neither the session that it shows
 * nor the dialogs that it draws, runs its own `/share` (a gist) before any extension is asked, and exits without a word
 * when the terminal hangs up. Call it once, before `main`. Returns what this version of pi lacks; then nothing was hooked.
 */
export function hookInteractiveMode(hooks: InteractiveModeHooks): readonly string[] {
  const missing = missingMethods(InteractiveMode.prototype);
  if (missing.length > 0) return missing;
  const inside = InteractiveMode.prototype as unknown as InteractiveModeInternals;
  const original = Object.fromEntries(METHODS.map((name) => [name, inside[name]])) as Methods;

  let isFirst = true;
  inside.createExtensionUIContext = function (this: InteractiveModeInternals) {
    if (isFirst) keepSigtermHandler();
    isFirst = false;
    const print = (text: string) => {
      this.chatContainer.addChild(new Spacer(1));
      this.chatContainer.addChild(new Text(text, 1, 0));
      this.ui.requestRender();
    };
    return hooks.shown(this.session, { ui: original.createExtensionUIContext.call(this), print });
  };

  // Whichever way it was typed: in full, completed from `/sh`, as a follow-up.
  inside.handleShareCommand = () => {
    hooks.share();
    return Promise.resolve();
  };

  inside.emergencyTerminalExit = function (this: InteractiveModeInternals) {
    if (this.isShuttingDown) return;
    this.isShuttingDown = true;
    this.unregisterSignalHandlers();
    // pi counts on never coming back from here: what it goes on to write fails, and says so to nobody. A terminal that
    // hangs up does so more than once: to whoever runs in it, and again when its shell is gone.
    const ignore = () => undefined;
    for (const stream of [process.stdout, process.stderr]) stream.on('error', ignore);
    for (const event of ['SIGHUP', 'SIGTERM', 'uncaughtException']) process.on(event, ignore);
    void hooks.gone().finally(() => original.emergencyTerminalExit.call(this));
  };
  return missing;
}

/**
 * pi stops listening to SIGTERM as soon as it has heard one. A library of its own (signal-exit) takes that for nobody
 * listening, and kills the process before the goodbyes are said. Somebody who is in earnest sends it again.
 */
function keepSigtermHandler(): void {
  let asked = 0;
  process.on('SIGTERM', () => {
    asked += 1;
    if (asked > 1) process.exit(SIGTERM_EXIT);
  });
}
