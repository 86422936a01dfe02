import type { RunnerInfo, RunnerRight } from '@pizzapi/protocol';
import { hostRights, HOST_TABS, type HostTabId, type HostTarget } from '../model/hostTabs.js';
import { app } from './app.svelte.js';
import { drafts } from './drafts.svelte.js';
import { messageField } from './pageFocus.js';
import type { SessionView } from './session.svelte.js';
import { tabStorage } from './storage.js';

/** What every tab is given: the host, the session if there is one, and the way to the other tabs. */
export interface HostTabProps {
  panel: HostPanel;
  /** The tab is in sight. A tab that was opened once stays, so that nothing in it is lost, and rests while hidden. */
  shown: boolean;
}

/**
 * The host in the page: the panel of a session, or the page of a host. A tab marks the element that takes the focus with
 * the attribute `data-host-focus`.
 */
export class HostPanel {
  /** The tab that is shown; undefined: the panel is closed. */
  tab = $state<HostTabId>();
  /** What was asked for last. A tab follows it, and ignores what is not for it. */
  target = $state.raw<HostTarget>();
  readonly session: SessionView | undefined;
  readonly #rid: string | undefined;
  readonly runner = $derived.by<RunnerInfo | undefined>(() => app.runner(this.runnerId));
  /** What this person may do on the host. */
  readonly rights = $derived.by<readonly RunnerRight[]>(() =>
    hostRights({ isOwner: this.session?.owns ?? true, mayReadFiles: this.session?.mayReadFiles ?? false }, this.runner),
  );
  /** The folder of the session; of a host its first root. */
  readonly folder = $derived.by(() => this.session?.info.cwd || this.runner?.roots[0] || '/');

  /** Of a session, or of a host by its id. */
  constructor(of: SessionView | string) {
    if (typeof of === 'string') this.#rid = of;
    else {
      this.session = of;
      const kept = tabStorage.get(this.#stored);
      this.tab = HOST_TABS.find((tab) => tab === kept);
    }
  }

  get runnerId(): string {
    return this.#rid ?? this.session?.info.runnerId ?? '';
  }

  can(right: RunnerRight): boolean {
    return this.rights.includes(right);
  }

  /** Shows a tab, and what it is asked for. */
  open(tab: HostTabId, target?: HostTarget): void {
    this.tab = tab;
    if (target !== undefined) this.target = { ...target };
    if (this.session !== undefined) tabStorage.set(this.#stored, tab);
  }

  close(): void {
    this.tab = undefined;
    tabStorage.set(this.#stored, '');
  }

  /** Whether a text can be put into the message that is being written. */
  get canCompose(): boolean {
    return this.session?.canSteer === true;
  }

  /** Puts a text before the message that is being written, and goes there. */
  compose(text: string): void {
    if (this.session === undefined) return;
    drafts.prepend(this.session.sid, text);
    messageField()?.focus();
  }

  get #stored(): string {
    return `hostTab.${this.session?.sid ?? ''}`;
  }
}
