import { getAgentDir, type ExtensionContext, type ExtensionFactory } from '@mariozechner/pi-coding-agent';
import type { AutocompleteItem, AutocompleteProvider } from '@mariozechner/pi-tui';
import type { SessionEvent } from '@pizzapi/protocol';
import { bashTap, type ReadOnlyCalls } from '../bashTap.js';
import { pictures } from '../pictures.js';
import { forwardExtensionEvents } from '../forwardExtensionEvents.js';
import { registerDemoProvider } from '../demo/provider.js';
import { demoTools } from '../demo/tools.js';
import { humanExtension } from '../human/extension.js';
import { authSource } from '../models.js';
import { readOnlySettings } from '../settings.js';
import { resolveReferences } from '../versions/configReferences.js';
import { isTrustedThere } from '../versions/projectTrust.js';
import { deferExtensions } from './deferExtensions.js';
import { isShareCommand, type TerminalSession } from './terminalSession.js';

export interface ExtensionDeps {
  /** The session that the terminal shows; undefined in pi's other modes, which have no terminal. */
  session: () => TerminalSession | undefined;
  /** The person typed `/share` with these words behind it. */
  onShare: (words: string) => void;
  onStart: () => void;
  /** Resolves when what has to be said before the session goes is said. */
  onLeave: (why: 'quit' | 'replaced') => Promise<void>;
  /** Whether pi may load what a folder has of its own, where pi does not decide that by itself. */
  isTrusted?: (cwd: string) => boolean;
  human: boolean;
  approvals: 'allow' | 'ask';
}

/** What `/share` takes, for completion. */
const WORDS: readonly AutocompleteItem[] = [
  { value: '--collab', label: '--collab', description: 'Guests can also write' },
  { value: '--approve', label: '--approve', description: 'Guests can write and approve single tool calls' },
  { value: 'status', label: 'status', description: 'Show the share link and what is waiting to be sent' },
  { value: 'stop', label: 'stop', description: 'Stop sharing and revoke the links' },
  { value: 'help', label: 'help', description: 'Show the help of /share' },
];
const ABOUT = 'Share this session: a link and a QR code (also: --collab, --approve, status, stop, help)';

/**
 * What PizzaPi adds to pi's terminal, and to its other modes as far as they have use for it: the demo model, the tools
 * by which the agent asks people, `/share`. pi loads it anew for every session and on `/reload`; whatever has to outlive
 * that is behind `deps`.
 */
export function terminalExtension(deps: ExtensionDeps): ExtensionFactory {
  const emit = (event: SessionEvent) => deps.session()?.tell(event);

  const readOnlyCalls: ReadOnlyCalls = new Set();
  const human = ({ cwd }: ExtensionContext): ExtensionFactory => {
    const extension = humanExtension({
      cwd,
      emit,
      agentDir: getAgentDir(),
      approvals: deps.approvals,
      readOnlyCalls,
      onProviderUsage: (usage) => deps.session()?.setProviderUsage(usage),
      // Asked for again each time: the session may have been replaced since.
      deliverAnswer: async (text) => deps.session()?.deliverAnswer(text),
      expect: (id, accepts, signal, kind) =>
        deps.session()?.expect(id, accepts, signal, kind) ?? new Promise<undefined>(() => undefined),
    });
    deps.session()?.setModes(extension.modes);
    return extension.factory;
  };

  const others = deferExtensions((ctx) => [
    // Without anybody to ask, questions and approvals would only be in the way.
    ...(deps.human && ctx.hasUI ? [human(ctx), bashTap(ctx.cwd, settingsOf(ctx, deps), readOnlyCalls)] : []),
    forwardExtensionEvents(emit, (model) => authSource(ctx.modelRegistry, model)),
    demoTools(emit),
    pictures(),
  ]);

  return (pi) => {
    registerDemoProvider(pi);
    void others(pi);
    pi.on('session_start', ({ reason }, ctx) => {
      resolveReferences(ctx.modelRegistry, getAgentDir());
      const session = deps.session();
      if (session === undefined) return;
      // What waits in pi's memory outlives a reload.
      if (deps.human && reason !== 'reload') session.restoreAnswers();
      ctx.ui.addAutocompleteProvider(withShare);
      deps.onStart();
    });
    pi.on('input', ({ text, source }) => {
      const session = deps.session();
      if (session === undefined || source !== 'interactive') return { action: 'continue' };
      if (!isShareCommand(text)) {
        session.typed();
        return { action: 'continue' };
      }
      deps.onShare(text.trim().slice('/share'.length).trim());
      return { action: 'handled' };
    });
    pi.on('session_shutdown', async ({ reason }) => {
      const session = deps.session();
      if (session === undefined) return;
      session.left();
      if (reason !== 'reload') await deps.onLeave(reason === 'quit' ? 'quit' : 'replaced');
    });
  };
}

/** The person's settings, with those of the folder when pi loads them too. */
function settingsOf(ctx: ExtensionContext, { isTrusted }: Pick<ExtensionDeps, 'isTrusted'>) {
  return readOnlySettings(ctx.cwd, getAgentDir(), () => isTrustedThere(ctx) && (isTrusted?.(ctx.cwd) ?? true));
}

/** Completion that knows our `/share` in place of pi's. */
function withShare(base: AutocompleteProvider): AutocompleteProvider {
  return {
    ...base,
    applyCompletion: (...given) => base.applyCompletion(...given),
    shouldTriggerFileCompletion: (...given) => base.shouldTriggerFileCompletion?.(...given) ?? true,
    async getSuggestions(lines, cursorLine, cursorCol, options) {
      const before = (lines[cursorLine] ?? '').slice(0, cursorCol);
      const word = /^\/share\s+(\S*)$/.exec(before)?.[1];
      if (word !== undefined) {
        // While a list is open, Enter takes its first line. So there is none where there is nothing left to complete.
        const items = WORDS.filter(({ value }) => word !== '' && value !== word && value.startsWith(word));
        return items.length === 0 ? null : { items, prefix: word };
      }
      const found = await base.getSuggestions(lines, cursorLine, cursorCol, options);
      if (found === null || !before.startsWith('/')) return found;
      const items = found.items.map((item) => (item.value === 'share' ? { ...item, description: ABOUT } : item));
      return { ...found, items };
    },
  };
}
