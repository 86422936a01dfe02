import type { AgentSession, AgentSessionEvent } from '@mariozechner/pi-coding-agent';
import {
  guestsIn,
  isGuest,
  MAX_NAMED_GUESTS,
  rightOf,
  type Author,
  type GuestRef,
  type LinkEnd,
  type SessionEvent,
} from '@pizzapi/protocol';

type AgentEvent = Parameters<Parameters<AgentSession['agent']['subscribe']>[0]>[0];

/** A guest whose words are in the turn. */
interface Carried {
  guest: GuestRef;
  mayApprove: boolean;
}

export interface GuestWorkDeps {
  pi: Pick<AgentSession, 'isStreaming' | 'isRetrying' | 'isCompacting'>;
  /** Everybody who may have written a message of the agent. */
  authorsOf: (message: object) => Author[];
  /** Who sent what the agent has not read. */
  waiting: () => Author[];
  emit: (event: SessionEvent) => void;
  sessionId: () => string;
  /** The guests in whose turn this session was started. */
  startedBy: readonly GuestRef[];
  /** The agent reads what a guest sent whose link has ended. */
  onLeftover: () => void;
}

const isAccount = ({ via }: Author): boolean => via === 'owner' || via === 'api' || via === 'terminal';

/**
 * Tracks which guests the agent works for. A turn belongs to a guest from the first input, answer or linked message of that
 * guest in it. It stays so until an account writes, or another author starts the next turn. Work that the agent gives to
 * other sessions in this turn belongs to the guest as well.
 */
export class GuestWork {
  readonly #carried = new Map<string, Carried>();
  readonly #left = new Map<string, LinkEnd>();
  /** A run has begun, and none of its messages has come yet. */
  #isAtStart = false;
  /** The next run is the same turn, tried again. */
  #isContinued = false;
  #told = '';

  constructor(private readonly deps: GuestWorkDeps) {
    this.#reset();
  }

  /** The guests whose words are in the turn. */
  get turn(): GuestRef[] {
    return [...this.#carried.values()].map(({ guest }) => guest).slice(0, MAX_NAMED_GUESTS);
  }

  /** Whether approvals count in this turn: false when one of its guests lacks the right to approve. */
  get mayApprove(): boolean {
    return [...this.#carried.values()].every(({ mayApprove }) => mayApprove);
  }

  /** Follows the agent itself: its events are there before what they lead to. */
  observeAgent(event: AgentEvent): void {
    if (event.type === 'agent_start') {
      this.#isAtStart = !this.#isContinued;
      this.#isContinued = false;
    }
    if (event.type === 'message_start') {
      const { message } = event;
      if (message.role === 'user') this.#read(this.deps.authorsOf(message), this.#isAtStart);
      this.#isAtStart = false;
    }
    if (event.type === 'agent_end') this.tell();
  }

  /** Follows pi: a run that it makes anew is the same turn. */
  observe(event: AgentSessionEvent): void {
    if (event.type === 'auto_retry_start') this.#isContinued = true;
    if (event.type === 'auto_retry_end' && !event.success) this.#isContinued = false;
    if (event.type === 'compaction_end') this.#isContinued = event.willRetry;
    if (['queue_update', 'auto_retry_end', 'compaction_end'].includes(event.type)) this.tell();
  }

  /** Records the author of an answer, which the agent reads in this turn. */
  answered(by: Author): void {
    this.#carry([by]);
    this.tell();
  }

  /** An account has given a command: what it does is the account's. */
  commanded(by: Author): void {
    if (isAccount(by)) this.#carried.clear();
  }

  /** Says whose words the agent works on or has waiting, where that has changed. */
  tell(): void {
    const { pi, waiting, emit, sessionId } = this.deps;
    const isBusy = pi.isStreaming || pi.isRetrying || pi.isCompacting;
    const all = [...(isBusy ? this.turn : []), ...waiting().flatMap((by) => guestsIn(by, sessionId()))];
    const guests = [...new Map(all.map((guest) => [guest.shareId, guest])).values()].slice(0, MAX_NAMED_GUESTS);
    const said = JSON.stringify(guests.map(({ shareId }) => shareId).sort());
    if (said === this.#told || (this.#told === '' && guests.length === 0)) return;
    this.#told = said;
    emit({ type: 'guests_at_work', at: Date.now(), guests });
  }

  /** Says it again to a log that begins now. */
  repeat(): void {
    this.#told = '';
    this.tell();
  }

  /** The link of a guest has ended. Whether their words are in the turn. */
  leave(shareId: string, why: LinkEnd): boolean {
    this.#left.set(shareId, why);
    return this.#carried.delete(shareId);
  }

  /** Why nothing that this author says is wanted any more, or undefined. */
  endOf(by: Author): LinkEnd | undefined {
    const ended = guestsIn(by, this.deps.sessionId()).find(({ shareId }) => this.#left.has(shareId));
    return ended === undefined ? undefined : this.#left.get(ended.shareId);
  }

  #read(authors: readonly Author[], isFirst: boolean): void {
    if (isFirst && authors.length > 0) this.#reset();
    const hasGuest = this.#carry(authors);
    if (!hasGuest && authors.some(isAccount)) this.#carried.clear();
    this.tell();
    if (authors.some((by) => this.endOf(by) !== undefined)) this.deps.onLeftover();
  }

  #carry(authors: readonly Author[]): boolean {
    const carried = authors.flatMap((by) =>
      guestsIn(by, this.deps.sessionId()).map((guest) => ({
        guest,
        mayApprove: isGuest(by) && rightOf(by) === 'approve',
      })),
    );
    for (const each of carried) this.#carried.set(each.guest.shareId, each);
    return carried.length > 0;
  }

  /** Of a session that guests have had started every turn is theirs, unless an account begins it. */
  #reset(): void {
    this.#carried.clear();
    for (const guest of this.deps.startedBy) this.#carried.set(guest.shareId, { guest, mayApprove: false });
  }
}
