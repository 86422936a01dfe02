import type {
  ExtensionAPI,
  ExtensionContext,
  ExtensionFactory,
  SessionStartEvent,
} from '@mariozechner/pi-coding-agent';

type OnStart = (event: SessionStartEvent, ctx: ExtensionContext) => unknown;

/**
 * Loads extensions of ours once the session starts. To pi a tool that two extensions bring is a fatal error while it
 * loads them; this late, a name that an extension has taken is passed over, and only a tool of pi itself is replaced.
 * It is also known by then in which folder the session works, and whether anybody can be asked.
 */
export function deferExtensions(factories: (ctx: ExtensionContext) => readonly ExtensionFactory[]): ExtensionFactory {
  return (pi) => {
    pi.on('session_start', async (event, ctx) => {
      const starts: OnStart[] = [];
      const api = lateApi(pi, starts);
      for (const factory of factories(ctx)) await factory(api);
      for (const start of starts) await start(event, ctx);
    });
  };
}

function lateApi(pi: ExtensionAPI, starts: OnStart[]): ExtensionAPI {
  const on = pi.on.bind(pi) as (event: string, handler: unknown) => () => void;
  return {
    ...pi,
    // One signature for each event, and one body for all.
    on: (event: string, handler: unknown) => {
      if (event !== 'session_start') return on(event, handler);
      starts.push(handler as OnStart);
      return () => void starts.splice(starts.indexOf(handler as OnStart), 1);
    },
    registerTool: (tool) => {
      const taken = pi.getAllTools().find(({ name }) => name === tool.name);
      if (taken === undefined || taken.sourceInfo.source === 'builtin') pi.registerTool(tool);
    },
  };
}
