import { ExtensionEditorComponent, type ExtensionUIContext } from '@mariozechner/pi-coding-agent';
import type { Author } from '@pizzapi/protocol';
import type { DialogLimits, DialogRequest, Dialogs, DialogValue } from '../dialogs.js';
import { createUiContext } from '../uiContext.js';
import type { DialogQueue } from './dialogQueue.js';

/** A dialog of the terminal that closes this close to its time-out was closed by it, ms. */
const EXPIRY_SLACK_MS = 1_100;

export interface MirrorDeps {
  /** pi's own, which draws in the terminal. */
  terminal: ExtensionUIContext;
  dialogs: Dialogs;
  line: DialogQueue;
  /** Who sits at the terminal. */
  local: () => Author;
}

type Shown = { signal: AbortSignal; timeout?: number };

/**
 * What extensions see as `ctx.ui` in a terminal that may be shared: a question is shown here as pi shows it, and is a
 * dialog for every viewer. The first answer wins, and closes the other side.
 */
export function mirroredUi({ terminal, dialogs, line, local }: MirrorDeps): ExtensionUIContext {
  const shared = createUiContext(dialogs);

  const both = async (
    request: DialogRequest,
    limits: DialogLimits | undefined,
    show: (limits: Shown) => Promise<DialogValue>,
  ): Promise<DialogValue> => {
    const asked = dialogs.open(request, limits);
    if (asked === undefined) return undefined;
    const { dialogId, answer } = asked;
    const closed = new AbortController();
    const { timeout } = limits ?? {};
    const expiresAt = timeout === undefined || timeout <= 0 ? undefined : Date.now() + timeout;
    const left = () => (expiresAt === undefined ? {} : { timeout: Math.max(1, expiresAt - Date.now()) });
    void answer.then(() => closed.abort());
    void line
      .show(closed.signal, async () => ({ value: await show({ signal: closed.signal, ...left() }) }))
      .then((shown) => {
        if (shown === undefined || closed.signal.aborted) return;
        const isEmpty = shown.value === undefined || shown.value === false;
        // Its own clock says for everybody that a dialog has timed out.
        if (isEmpty && expiresAt !== undefined && Date.now() >= expiresAt - EXPIRY_SLACK_MS) return;
        dialogs.answer(dialogId, shown.value ?? null, local());
      });
    return answer;
  };
  const text = (value: DialogValue) => (typeof value === 'string' ? value : undefined);

  /** pi's own editor cannot be closed from outside; this is the same one, in a place that can. */
  const edit = (title: string, prefill: string | undefined, { signal }: Shown) =>
    terminal.custom<string | undefined>((tui, _theme, keybindings, done) => {
      signal.addEventListener('abort', () => done(undefined), { once: true });
      return new ExtensionEditorComponent(tui, keybindings, title, prefill, done, () => done(undefined));
    });

  return {
    ...terminal,
    get theme() {
      return terminal.theme;
    },
    select: async (title, options, limits) =>
      text(await both({ method: 'select', title, options }, limits, (shown) => terminal.select(title, options, shown))),
    confirm: async (title, message, limits) =>
      (await both({ method: 'confirm', title, message }, limits, (shown) =>
        terminal.confirm(title, message, shown),
      )) === true,
    input: async (title, placeholder, limits) =>
      text(
        await both({ method: 'input', title, ...(placeholder === undefined ? {} : { placeholder }) }, limits, (shown) =>
          terminal.input(title, placeholder, shown),
        ),
      ),
    editor: async (title: string, prefill?: string, limits?: DialogLimits) =>
      text(
        await both({ method: 'editor', title, ...(prefill === undefined ? {} : { prefill }) }, limits, (shown) =>
          edit(title, prefill, shown),
        ),
      ),
    notify: (message, level) => {
      terminal.notify(message, level);
      shared.notify(message, level);
    },
    setStatus: (key, status) => {
      terminal.setStatus(key, status);
      shared.setStatus(key, status);
    },
    setTitle: (title) => {
      terminal.setTitle(title);
      shared.setTitle(title);
    },
    setWidget: (key: string, content: unknown, options?: Parameters<ExtensionUIContext['setWidget']>[2]) => {
      // Two signatures, one body: lines are for all, a component is for the terminal.
      (terminal.setWidget as (key: string, content: unknown, options: unknown) => void)(key, content, options);
      (shared.setWidget as (key: string, content: unknown) => void)(key, content);
    },
  };
}
