import type { ExtensionAPI, SessionEntry } from '@mariozechner/pi-coding-agent';
import type { SessionEvent } from '@pizzapi/protocol';
import type { PendingPrompt, PendingPromptKind, PromptOf, StoredEntry } from '../../human/pending.js';
import { messageOf } from '../errorMessage.js';
import type { PromptCoordinator, RemoteAnswerer, PromptUi } from './promptCoordinator.js';

/** What every feature is made with. */
export interface FeatureDeps {
  pi: ExtensionAPI;
  prompts: PromptCoordinator;
  emit: (event: SessionEvent) => void;
  /** The dialogs of the session, once its extensions have started. */
  ui: Promise<PromptUi>;
  /** Delivers the answer to a prompt of an earlier process to the agent, as a message. Rejects when pi refuses it. */
  deliverAnswer: (text: string) => Promise<void>;
  link?: RemoteAnswerer | undefined;
}

/** A feature that keeps something in the session file. */
export interface Restoring {
  /** Loads its state from the history: at the start, and when the history moves to another branch. */
  restore(entries: readonly StoredEntry[], sessionId: string): void;
}

/** A feature that prompts people. */
export interface PromptFeature<K extends PendingPromptKind> {
  /** Opens a prompt of an earlier process again, and delivers the answer to the agent as a message. */
  reopen(prompt: PromptOf<K>): Promise<void>;
}

/** Opens a prompt again by the feature that asked; what goes wrong there is shown, and harms nothing else. */
export function reopen(
  prompt: PendingPrompt,
  by: { [K in PendingPromptKind]: PromptFeature<K> },
  ui: Promise<PromptUi>,
): void {
  const open = (): Promise<void> => {
    switch (prompt.kind) {
      case 'question':
        return by.question.reopen(prompt);
      case 'plan':
        return by.plan.reopen(prompt);
      case 'approval':
        return by.approval.reopen(prompt);
    }
  };
  reported(open(), ui);
}

/** Shows what went wrong with an answer. */
export function reported(answering: Promise<void>, ui: Promise<PromptUi>): void {
  answering.catch(async (error: unknown) => {
    (await ui).notify(`The answer did not reach the agent: ${messageOf(error)}`, 'error');
  });
}

/** The text result of a tool. */
export const says = (text: string) => ({ content: [{ type: 'text' as const, text }], details: undefined });

/** What the model reads when the session stops while it waits. */
export const LEFT = 'The session stopped before the person answered. The answer will come as a message.';

/** What extensions keep among the entries of a session file. */
export function storedEntries(entries: readonly SessionEntry[]): StoredEntry[] {
  const stored: StoredEntry[] = [];
  for (const entry of entries) {
    if (entry.type === 'custom') stored.push({ customType: entry.customType, data: entry.data });
  }
  return stored;
}

/** The last thing that was kept under a name. */
export function lastKept(entries: readonly StoredEntry[], customType: string): unknown {
  return entries.findLast((entry) => entry.customType === customType)?.data;
}
