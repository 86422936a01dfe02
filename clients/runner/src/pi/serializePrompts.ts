import { AsyncResource } from 'node:async_hooks';
import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { MessageOrigins } from './messageOrigins.js';
import { mayPutOff } from './versions/dispositions.js';

type Prompt = AgentSession['prompt'];
type Options = NonNullable<Parameters<Prompt>[1]>;

/** Hands a text to pi. Resolves when pi has run it, also where pi puts it off first. */
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

  /** The prompts that pi may put off, by the options with which it makes them again. */
  const passes = new WeakMap<object, () => Promise<void>>();

  /** Makes a prompt, and once more each time that pi puts it off. `decided` settles when pi has looked at it. */
  const tracked = (
    options: Options,
    attempt: (given: Options, decided: Promise<void>) => Promise<void>,
  ): Submission => {
    let decide: () => void = () => undefined;
    const given: Options = {
      ...options,
      preflightResult: (result) => {
        decide();
        options.preflightResult?.(result);
      },
    };
    const { promise: ran, resolve, reject } = withResolvers();
    const pass = (): Promise<void> => {
      let isDecided = false;
      let settle: () => void = () => undefined;
      const decided = new Promise<void>((settled) => (settle = settled));
      decide = () => {
        isDecided = true;
        settle();
      };
      const run = attempt(given, decided);
      run.then(() => {
        settle();
        if (isDecided || !mayPutOff(pi)) resolve();
      }, reject);
      run.catch(settle);
      return run;
    };
    // In the context of this call: the message keeps its origin.
    passes.set(given, AsyncResource.bind(pass));
    return { returned: pass(), ran };
  };

  const inTurn = (prompt: Prompt, ...[text, options = {}]: Parameters<Prompt>): Submission => {
    // Who finds the agent at rest has not said what to do when it works by the time it is their turn.
    const streamingBehavior = options.streamingBehavior ?? (pi.isStreaming ? undefined : ('followUp' as const));
    const wanted = { ...options, ...(streamingBehavior === undefined ? {} : { streamingBehavior }) };
    return tracked(wanted, (given, taken) => {
      const run = before === undefined ? prompt(text, given) : before.then(() => prompt(text, given));
      before = taken;
      void taken.then(() => {
        if (before === taken) before = undefined;
      });
      return run;
    });
  };

  const submit = (...[text, options = {}]: Parameters<Prompt>): Submission =>
    // A command is taken only when it is over, and what it does may be to prompt.
    options.expandPromptTemplates !== false && isCommand(pi, text)
      ? tracked(options, (given) => original(text, given))
      : inTurn(original, text, options);

  // What is submitted around the queue of inputs is a text of an extension, or was typed into pi's terminal.
  pi.prompt = (text, options) => {
    const again = options === undefined ? undefined : passes.get(options);
    // Who submitted it learns of a failure, and not the run behind which pi makes it again.
    if (again !== undefined) return again().catch(() => undefined);
    const origin = options?.source === 'extension' ? undefined : ({ kind: 'typed', text } as const);
    return origins.from(origin, () => {
      const { returned, ran } = submit(text, options);
      ran.catch(() => undefined);
      return returned;
    });
  };
  const prompt: Prompt = (text, options) => whenRun(submit(text, options));
  const asText: Prompt = (text, options = {}) => {
    const plain = { ...options, expandPromptTemplates: false };
    return whenRun(inTurn(looksLikeCommand(text) ? unseenByExtensions(pi, original) : original, text, plain));
  };
  return { prompt, asText };
}

interface Submission {
  /** Settles when pi returns, which it may do before it has looked at a prompt. */
  returned: Promise<void>;
  /** Settles when pi has run the prompt, or has not taken it. */
  ran: Promise<void>;
}

function whenRun({ returned, ran }: Submission): Promise<void> {
  returned.catch(() => undefined);
  return ran;
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
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
