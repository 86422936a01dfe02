import type { ExtensionFactory } from '@mariozechner/pi-coding-agent';
import { newId, type SessionEvent } from '@pizzapi/protocol';
import type { Dialogs } from '../dialogs.js';
import { projectFingerprint, projectResources } from './projectResources.js';
import { unkeptText, type ProjectTrust } from './projectTrust.js';

/** The answers of a person: load it from now on, leave it out this time, leave it out from now on. */
const TRUST = true;
const NOT_NOW = false;
const NEVER = 'never';

export interface FolderTrustPromptDeps {
  trust: ProjectTrust;
  dialogs: Pick<Dialogs, 'expectOwner' | 'tell'>;
  emit: (event: SessionEvent) => void;
  /** Has pi load everything again, once the agent rests. */
  reload: () => Promise<void>;
  onBug: (error: unknown) => void;
}

/**
 * Asks the owner of a session whether what its folder has of its own may be loaded. The agent works without it in the
 * meantime. The prompt outlives the stop of a run, and the next process of the session asks again.
 */
export class FolderTrustPrompt {
  #open: { id: string; close: AbortController; seen: string } | undefined;
  /** A person does not want to decide as long as this process lives. */
  #isPutOff = false;

  constructor(private readonly deps: FolderTrustPromptDeps) {}

  /** Whether an answer with this id decides about the folder. */
  isOpen(id: string): boolean {
    return this.#open?.id === id;
  }

  /** Asks when no person has decided. Says it when something is left out because a person has. */
  start(): void {
    const { trust, dialogs } = this.deps;
    for (const text of trust.warnings.splice(0)) dialogs.tell({ method: 'notify', title: text, level: 'warning' });
    trust.onChecked = () => this.#checked();
    if (trust.isUndecided) this.#ask();
    else if (trust.leavesOut)
      this.#say('Extensions and settings of this folder are not loaded. Change this with /trust', 'info');
  }

  /** A person wants to decide, again or for the first time. */
  ask(): void {
    if (!this.#ask()) this.#say('This folder has no extensions or settings of its own', 'info');
  }

  /** Asks, unless it is asked already. Returns false when there is nothing to ask about. */
  #ask(): boolean {
    if (this.#open !== undefined) return true;
    const { cwd } = this.deps.trust;
    // Before the list: what comes in between is noticed at the answer.
    const seen = projectFingerprint(cwd);
    const found = projectResources(cwd);
    if (found.length === 0) return false;
    const id = newId('t');
    const close = new AbortController();
    this.#open = { id, close, seen };
    const prompt = {
      promptId: id,
      pluginNames: found.map(({ name }) => name),
      pluginSummaries: found.map(({ summary }) => summary),
    };
    this.deps.emit({ type: 'plugin_trust_required', at: Date.now(), prompt });
    void this.deps.dialogs
      .expectOwner(id, (value) => value === TRUST || value === NOT_NOW || value === NEVER, close.signal)
      .then((value) => this.#answered(id, value))
      .catch((error: unknown) => this.deps.onBug(error));
    return true;
  }

  /** The process ends. The prompt stays open in the log; the next process asks again. */
  leave(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.close.abort();
  }

  #checked(): void {
    if (!this.deps.trust.isUndecided) this.#resolve();
    else if (!this.#isPutOff) this.#ask();
  }

  /** Takes the prompt from every screen. */
  #resolve(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.close.abort();
    this.deps.emit({ type: 'plugin_trust_resolved', at: Date.now(), promptId: open.id });
  }

  async #answered(id: string, value: unknown): Promise<void> {
    const seen = this.#open?.seen;
    if (!this.isOpen(id)) return;
    this.#resolve();
    const { trust } = this.deps;
    if (value === TRUST && projectFingerprint(trust.cwd) !== seen) {
      // The agent, or a program, may have put something there for a person to agree to unseen.
      this.#say('Files of this folder have changed since you were asked: nothing is loaded', 'warning');
      this.#ask();
      return;
    }
    if (value !== TRUST && value !== NEVER) {
      this.#isPutOff = true;
      this.#say(
        'Extensions and settings of this folder stay out. You are asked again when the session starts again',
        'info',
      );
      return;
    }
    const wasTrusted = trust.isTrusted;
    const problem = trust.decide(value === TRUST);
    if (problem !== undefined) this.#say(unkeptText(problem), 'warning');
    if (trust.isTrusted === wasTrusted) return;
    await this.deps.reload();
    this.#say(
      `Extensions and settings of this folder are ${trust.isTrusted ? 'loaded' : 'not loaded any more'}`,
      'info',
    );
  }

  #say(title: string, level: 'info' | 'warning'): void {
    this.deps.dialogs.tell({ method: 'notify', title, level });
  }
}

/** Registers `/trust`, by which a person changes the decision. To a guest or an agent it is a text. */
export function trustCommand(session: () => Pick<FolderTrustPrompt, 'ask'> | undefined): ExtensionFactory {
  return (pi) =>
    pi.registerCommand('trust', {
      description: 'Decide whether extensions and settings of this folder are loaded',
      handler: () => Promise.resolve(session()?.ask()),
    });
}
