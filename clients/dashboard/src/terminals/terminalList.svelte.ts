import type { ErrorInfo, TerminalInfo } from '@pizzapi/protocol';
import { SvelteSet } from 'svelte/reactivity';
import type { TerminalSize } from '../model/terminalSize.js';
import { dividedTerminals, neighbour } from '../model/terminalTabs.js';
import { api } from '../state/client.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';
import { reportResult } from '../state/reportResult.js';
import { tabStorage } from '../state/storage.js';
import { toasts } from '../state/toasts.svelte.js';

/** Terminals are listed again after so long, in ms: other viewers open and end them too. */
const AGAIN_MS = 10_000;

/** The terminals of a host, and the one that is shown. */
export class TerminalList {
  all = $state.raw<readonly TerminalInfo[]>([]);
  /** The first list has come. */
  loaded = $state(false);
  error = $state.raw<ErrorInfo>();
  opening = $state(false);
  /** Those of others that were opened here, and ended ones that are still shown. */
  readonly #opened = new SvelteSet<string>();
  /** Those that this page has opened: their output is no replay. */
  readonly #fresh = new SvelteSet<string>();
  #chosen = $state<string>();
  readonly #panel: HostPanel;
  readonly #divided = $derived.by(() => dividedTerminals(this.all, this.#panel.session?.sid, this.#opened));
  readonly tabs = $derived(this.#divided.tabs);
  readonly others = $derived(this.#divided.others);
  /** The one that is shown. */
  readonly current = $derived(
    this.tabs.find(({ terminalId }) => terminalId === this.#chosen)?.terminalId ?? this.tabs[0]?.terminalId,
  );

  constructor(panel: HostPanel) {
    this.#panel = panel;
    this.#chosen = tabStorage.get(this.#stored);
  }

  /** Lists them now and again. Returns how to stop. */
  watch(): () => void {
    void this.load();
    const again = setInterval(() => document.visibilityState === 'visible' && void this.load(), AGAIN_MS);
    return () => clearInterval(again);
  }

  async load(): Promise<void> {
    const answer = await api.runnerCall(this.#panel.runnerId, 'list_terminals', {});
    this.error = answer.kind === 'failed' ? answer.error : undefined;
    this.loaded = true;
    if (answer.kind === 'failed') return;
    // A terminal that has ended while it was shown stays, so that its last output can be read.
    const shown = this.all.find(({ terminalId }) => terminalId === this.current);
    const isKept =
      shown !== undefined && !answer.value.terminals.some(({ terminalId }) => terminalId === shown.terminalId);
    this.all = [...answer.value.terminals, ...(isKept ? [shown] : [])];
  }

  /** Shows a terminal; beside a session it becomes a tab. */
  choose(terminalId: string): void {
    this.#opened.add(terminalId);
    this.#chosen = terminalId;
    tabStorage.set(this.#stored, terminalId);
  }

  /** Opens a terminal in the folder of the session, or in the given one. */
  async open({ cols, rows }: TerminalSize, cwd?: string): Promise<string | undefined> {
    this.opening = true;
    const sessionId = this.#panel.session?.sid;
    const answer = await api.runnerCall(this.#panel.runnerId, 'new_terminal', {
      ...{ cols, rows },
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.opening = false;
    if (answer.kind === 'failed') {
      toasts.error(answer.error);
      return undefined;
    }
    const { terminalId } = answer.value;
    this.#fresh.add(terminalId);
    await this.load();
    this.choose(terminalId);
    return terminalId;
  }

  isFresh(terminalId: string): boolean {
    return this.#fresh.has(terminalId);
  }

  /** It was shown once: what comes when it is shown again is a replay. */
  notFresh(terminalId: string): void {
    this.#fresh.delete(terminalId);
  }

  async rename(terminalId: string, name: string): Promise<void> {
    await reportResult(api.runnerCall(this.#panel.runnerId, 'rename_terminal', { terminalId, name }));
    await this.load();
  }

  async kill(terminalId: string): Promise<void> {
    const isDone = await reportResult(api.runnerCall(this.#panel.runnerId, 'kill_terminal', { terminalId }));
    if (isDone) this.drop(terminalId);
  }

  /** Shows a terminal that has ended no longer. */
  drop(terminalId: string): void {
    const next = neighbour(this.tabs, terminalId);
    this.all = this.all.filter((one) => one.terminalId !== terminalId);
    if (terminalId === this.#chosen && next !== undefined) this.choose(next);
  }

  get #stored(): string {
    return `terminal.${this.#panel.session?.sid ?? this.#panel.runnerId}`;
  }
}
