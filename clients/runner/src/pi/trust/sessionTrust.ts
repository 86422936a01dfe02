import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { SessionEvent } from '@pizzapi/protocol';
import type { InputQueue } from '../inputQueue.js';
import type { SessionParts } from '../parts.js';
import type { SessionNotices } from '../sessionNotices.js';
import { ReloadAtRest } from './reloadAtRest.js';
import { FolderTrustPrompt } from './folderTrustPrompt.js';

export interface SessionTrustDeps {
  pi: Pick<AgentSession, 'reload' | 'resourceLoader'>;
  parts: Pick<SessionParts, 'trust' | 'dialogs'>;
  prompts: Pick<InputQueue, 'betweenInputs'>;
  notices: Pick<SessionNotices, 'show' | 'bug'>;
  emit: (event: SessionEvent) => void;
}

/** The trust in the folder of a hosted session, while it lives. Does nothing in a terminal, where pi asks by itself. */
export class SessionTrust {
  readonly #reload: ReloadAtRest;
  readonly #prompt: FolderTrustPrompt | undefined;

  constructor({ pi, parts: { trust, dialogs }, prompts, notices, emit }: SessionTrustDeps) {
    this.#reload = new ReloadAtRest({ pi, prompts, notices });
    const onBug = (error: unknown) => notices.bug(error);
    if (trust === undefined) return;
    this.#prompt = new FolderTrustPrompt({ trust, dialogs, emit, onBug, reload: () => this.#reload.run() });
  }

  /** The session has begun, before any extension has started. */
  start(): void {
    this.#prompt?.start();
  }

  /** A person wants to decide again. */
  ask(): void {
    this.#prompt?.ask();
  }

  /** Whether an answer to this id decides about the folder. */
  isAsking(id: string): boolean {
    return this.#prompt?.isOpen(id) === true;
  }

  /** The agent has come to rest. */
  settled(): void {
    this.#reload.settled();
  }

  /** The process ends. */
  leave(): void {
    this.#prompt?.leave();
    this.#reload.close();
  }
}
