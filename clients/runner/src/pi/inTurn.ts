import type { AgentSession } from '@mariozechner/pi-coding-agent';

type Prompt = AgentSession['prompt'];

/**
 * Lets one prompt at a time into pi, whoever it comes from: a person, an extension, a late answer. pi looks whether its
 * agent is at work, then prepares (a compaction, the extensions), then starts it; who comes in between would be refused
 * ("Agent is already processing a prompt") and what they said lost. Each one waits until pi has taken or refused the one
 * before.
 */
export function promptInTurn(pi: AgentSession): void {
  const prompt: Prompt = pi.prompt.bind(pi);
  let before: Promise<void> | undefined;

  pi.prompt = (text, options = {}) => {
    // Taken only when it is over, and what it does may be to prompt.
    if (options.expandPromptTemplates !== false && isCommand(pi, text)) return prompt(text, options);
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
}

/** Whether a text is a command of an extension: it runs at once, also while the agent works. */
export function isCommand(pi: AgentSession, text: string): boolean {
  const name = /^\/(\S+)/.exec(text)?.[1];
  return name !== undefined && pi.extensionRunner.getCommand(name) !== undefined;
}
