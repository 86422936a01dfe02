import type { ExtensionUIContext, Theme } from '@mariozechner/pi-coding-agent';
import type { DialogLimits, Dialogs } from './dialogs.js';

/** pi's global theme lives behind this key of globalThis once `initTheme()` has run (its modules share it that way). */
const THEME_KEY = Symbol.for('@mariozechner/pi-coding-agent:theme');

function currentTheme(): Theme {
  return (globalThis as unknown as Record<symbol, Theme>)[THEME_KEY]!;
}

const text = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined);
const nothing = () => undefined;

/**
 * What extensions see as `ctx.ui`: questions and notices become dialogs that any viewer can see and answer. What only a
 * terminal can do (components, editors, footers) does nothing, exactly as in pi's own headless mode.
 */
export function createUiContext(dialogs: Dialogs): ExtensionUIContext {
  return {
    select: async (title, options, limits) => text(await dialogs.ask({ method: 'select', title, options }, limits)),
    confirm: async (title, message, limits) =>
      (await dialogs.ask({ method: 'confirm', title, message }, limits)) === true,
    input: async (title, placeholder, limits) =>
      text(
        await dialogs.ask({ method: 'input', title, ...(placeholder === undefined ? {} : { placeholder }) }, limits),
      ),
    // Limits are ours: whoever knows of them can close an editor that was answered elsewhere.
    editor: async (title: string, prefill?: string, limits?: DialogLimits) =>
      text(await dialogs.ask({ method: 'editor', title, ...(prefill === undefined ? {} : { prefill }) }, limits)),
    notify: (message, level = 'info') => dialogs.tell({ method: 'notify', title: message, level }),
    setStatus: (key, status) => dialogs.tell({ method: 'status', key, title: status ?? '' }),
    setTitle: (title) => dialogs.tell({ method: 'status', key: 'title', title }),
    setWidget: (key: string, content: unknown) => {
      if (content === undefined) dialogs.tell({ method: 'widget', key, title: '' });
      else if (Array.isArray(content)) dialogs.tell({ method: 'widget', key, title: key, lines: content.map(String) });
    },
    onTerminalInput: () => nothing,
    setWorkingMessage: nothing,
    setWorkingVisible: nothing,
    setWorkingIndicator: nothing,
    setHiddenThinkingLabel: nothing,
    setFooter: nothing,
    setHeader: nothing,
    // The terminal-only component is never shown, so it has no result, whatever type its caller expects.
    custom: async <T>() => undefined as T,
    pasteToEditor: nothing,
    setEditorText: nothing,
    getEditorText: () => '',
    addAutocompleteProvider: nothing,
    setEditorComponent: nothing,
    getEditorComponent: nothing,
    get theme() {
      return currentTheme();
    },
    getAllThemes: () => [],
    getTheme: nothing,
    setTheme: () => ({ success: false, error: 'This session has no terminal whose theme could change' }),
    getToolsExpanded: () => false,
    setToolsExpanded: nothing,
  };
}
