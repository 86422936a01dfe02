import type { AuditWriter } from '@pizzapi/backbone';
import type { ViewerMode } from '@pizzapi/protocol';
import { networkOf } from '@pizzapi/process';
import { auditFieldsOf, type Principal } from '../auth/principal.js';

/** One row stands for all joins of one person, from one address, with one mode, within so long. */
export const JOIN_WINDOW_MS = 10 * 60_000;
/** Names and addresses of one link or account that have rows of their own within a window; the others share one. */
export const JOINS_TOLD_APART = 16;
/** People whose windows are open at once. Above that the oldest ends early. */
const MAX_OPEN = 10_000;
/** How often it is looked which windows are over, in ms. */
const SWEEP_MS = 30_000;

export interface JoinsDeps {
  audit: AuditWriter<'join'>;
  /** In ms; for tests. */
  now?: () => number;
}

/** The windows of one link or account in one session. */
interface Group {
  toldApart: Set<string>;
  open: number;
}

interface Window {
  group: string;
  principal: Principal;
  sessionId: string;
  mode: ViewerMode;
  since: number;
  /** Joins that no row contains yet. */
  count: number;
}

/**
 * Records in the audit log who opened a session: the first time at once, and the number of further times (`count`) when
 * the window ends. So opening sockets, also under many names, cannot fill the audit log.
 */
export class Joins {
  private readonly windows = new Map<string, Window>();
  private readonly groups = new Map<string, Group>();
  private readonly now: () => number;
  private sweeping: NodeJS.Timeout | undefined;

  constructor(private readonly deps: JoinsDeps) {
    this.now = deps.now ?? Date.now;
  }

  start(): void {
    this.sweeping = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** Tells what is left to tell. */
  stop(): void {
    clearInterval(this.sweeping);
    for (const key of [...this.windows.keys()]) this.end(key);
  }

  note(principal: Principal, sessionId: string, mode: ViewerMode): void {
    this.sweep();
    const group = `${sessionId} ${principal.userId}`;
    const who = this.nameIn(group, `${principal.name} ${networkOf(principal.ip ?? '')}`);
    const key = `${group} ${mode} ${who}`;
    const window = this.windows.get(key);
    if (window !== undefined) return void window.count++;
    if (this.windows.size >= MAX_OPEN) this.end(this.windows.keys().next().value!);
    this.begin(key, { group, principal, sessionId, mode, since: this.now(), count: 0 }, who);
    this.deps.audit('join', { ...auditFieldsOf(principal), sessionId, mode });
  }

  private begin(key: string, window: Window, who: string): void {
    const group = this.groups.get(window.group) ?? { toldApart: new Set(), open: 0 };
    this.groups.set(window.group, group);
    group.toldApart.add(who);
    group.open++;
    this.windows.set(key, window);
  }

  /** Ends the windows that are over. They are in the order in which they began. */
  private sweep(): void {
    const over = this.now() - JOIN_WINDOW_MS;
    for (const [key, { since }] of this.windows) {
      if (since > over) return;
      this.end(key);
    }
  }

  private end(key: string): void {
    const window = this.windows.get(key);
    if (window === undefined) return;
    this.windows.delete(key);
    const group = this.groups.get(window.group);
    if (group !== undefined && --group.open <= 0) this.groups.delete(window.group);
    const { principal, sessionId, mode, count } = window;
    if (count > 0) this.deps.audit('join', { ...auditFieldsOf(principal), sessionId, mode, count });
  }

  /** What distinguishes a person within a group, or nothing when the group has too many already. */
  private nameIn(of: string, who: string): string {
    const { toldApart } = this.groups.get(of) ?? { toldApart: new Set<string>() };
    return toldApart.has(who) || toldApart.size < JOINS_TOLD_APART ? who : '';
  }
}
