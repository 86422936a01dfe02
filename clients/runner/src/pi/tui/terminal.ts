import type { Author, SessionEvent } from '@pizzapi/protocol';
import { visibleText } from '../terminal/clean.js';
import type { PiSession, PiSink } from '../types.js';

type Tint = 'accent' | 'success' | 'warning' | 'error' | 'dim' | 'muted';

/** The agent of a terminal, as far as hosting its session goes. */
export interface SharedAgent extends Pick<PiSession, 'abort'> {
  sharedTo(sink: PiSink, sid: string): PiSession;
  /** What the agent did since it was last shared. */
  missed(): SessionEvent[];
  /** The person at the terminal. Gets the account's id when the session is granted. */
  local: Author;
  readonly cwd: string;
}

/** What the hosting side may do with the terminal. */
export interface PiTerminal {
  /** The session that it shows, or undefined before the first. */
  readonly session: SharedAgent | undefined;
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

const SELF = 'You (from another client)';

/** Who an author is to the person at the terminal, whose own account may be at work elsewhere too. */
export function nameOf({ name, userId, via }: Author, local: Author | undefined): string {
  if (via === 'collab') return `${visibleText(name ?? 'A guest')} (guest)`;
  if (via === 'api') return `${visibleText(name ?? userId)} (by an API key)`;
  return userId === local?.userId ? SELF : `${visibleText(name ?? userId)} (from another client)`;
}

/** The line that introduces what an author writes. */
export function authorText(by: Author, local: Author | undefined): string {
  const name = nameOf(by, local);
  return name === SELF ? `${SELF}:` : `${name} says:`;
}
