import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { MessageOrigins } from './messageOrigins.js';

type Prompt = AgentSession['prompt'];

/** Hands a text to pi. */
export interface SerializedPrompts {
  /** As pi takes it from its own editor: it may be a command of an extension, a template or a skill. */
  prompt: Prompt;
  /** As the text it is, whatever it begins with: no extension, template or skill takes it for a command of its own. */
  asText: Prompt;
}

/**
 * Lets one prompt at a time into pi, whoever it comes from: a person, an extension, a late answer. pi looks whether its
 * agent is at work, then prepares (a compaction, the extensions), then starts it; who comes in between would be refused
 * ("Agent is already processing a prompt") and what they said lost. Each one waits until pi has taken or refused the one
 * before.
 */
export function serializePrompts(pi: AgentSession, origins: MessageOrigins): SerializedPrompts {
  const original: Prompt = pi.prompt.bind(pi);
  let before: Promise<void> | undefined;

  const inTurn = (prompt: Prompt, ...[text, options = {}]: Parameters<Prompt>): Promise<void> => {
    // Who finds the agent at rest has not said what to do when it works by the time it is their turn.
    const streamingBehavior = options.streamingBehavior ?? (pi.isStreaming ? undefined : ('followUp' as const));
    let done: () => void = () => undefined;
    const taken = new Promise<void>((resolve) => (done = resolve));
    const submit = () =>
      prompt(text, {
        ...options,
        ...(streamingBehavior === undefined ? {} : { streamingBehavior }),
        preflightResult: (ok) => {
          done();
          options.preflightResult?.(ok);
        },
      });
    const run = before === undefined ? submit() : before.then(submit);
    before = taken;
    void taken.then(() => {
      if (before === taken) before = undefined;
    });
    run.then(done, done);
    return run;
  };

  const prompt: Prompt = (text, options = {}) => {
    // Taken only when it is over, and what it does may be to prompt.
    if (options.expandPromptTemplates !== false && isCommand(pi, text)) return original(text, options);
    return inTurn(original, text, options);
  };
  // What is submitted around the queue of inputs is a text of an extension, or was typed into pi's terminal.
  pi.prompt = (text, options) => {
    const origin = options?.source === 'extension' ? undefined : ({ kind: 'typed', text } as const);
    return origins.from(origin, () => prompt(text, options));
  };
  const asText: Prompt = (text, options = {}) => {
    const plain = { ...options, expandPromptTemplates: false };
    return inTurn(looksLikeCommand(text) ? unseenByExtensions(pi, original) : original, text, plain);
  };
  return { prompt, asText };
}

/** Whether a text is a command of an extension: it runs at once, also while the agent works. */
export function isCommand(pi: AgentSession, text: string): boolean {
  const name = /^\/(\S+)/.exec(text)?.[1];
  return name !== undefined && pi.extensionRunner.getCommand(name) !== undefined;
}

/** What people type to have something done rather than said: `/plan`, `!ls`. */
export function looksLikeCommand(text: string): boolean {
  return /^\s*[/!]/.test(text);
}

/**
 * pi shows every input to its extensions first, which may carry it out as a command that they have not registered as
 * one. They are asked in the moment in which pi is called, where nothing is expanded.
 */
function unseenByExtensions(pi: AgentSession, prompt: Prompt): Prompt {
  return (text, options) => {
    const runner = pi.extensionRunner;
    runner.emitInput = () => Promise.resolve({ action: 'continue' });
    try {
      return prompt(text, options);
    } finally {
      // The method of its class shows again.
      delete (runner as Partial<typeof runner>).emitInput;
    }
  };
}
