import type { ExtensionAPI, ExtensionContext } from '@mariozechner/pi-coding-agent';

/** What pi gives an extension: it is good until pi loads its extensions again. */
export interface BoundPi {
  pi: ExtensionAPI;
  ctx: ExtensionContext;
}

/** What this extension calls. A pi that lacks one of these is too old, or changed its interface. */
const NEEDED = [
  'on',
  'registerCommand',
  'sendUserMessage',
  'setSessionName',
  'getSessionName',
  'setModel',
  'getThinkingLevel',
  'setThinkingLevel',
] as const satisfies readonly (keyof ExtensionAPI)[];

/** The functions that this pi lacks. */
export function missingFunctions(pi: Partial<ExtensionAPI>): string[] {
  return NEEDED.filter((name) => typeof pi[name] !== 'function');
}

/** Whether pi has loaded its extensions again, or has ended the session: what it gave before throws then. */
export function isStale({ ctx }: BoundPi): boolean {
  try {
    ctx.isIdle();
    return false;
  } catch {
    return true;
  }
}
