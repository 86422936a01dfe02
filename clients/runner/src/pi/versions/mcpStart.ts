import type { ExtensionAPI, ExtensionFactory } from '@mariozechner/pi-coding-agent';
import { arrayAt, isMap, mapAt, type MetaMcpReport, type SessionEvent } from '@pizzapi/protocol';

export interface McpStartDeps {
  emit: (event: SessionEvent) => void;
  /** Whether the person trusts the folder of the session: then pi starts the MCP servers that the folder names, too. */
  isProjectTrusted: () => boolean;
}

/** A start that took longer is shown as slow, ms. */
const SLOW_MS = 5_000;
/** The servers of a report. */
const MAX_SERVERS = 100;
/** The characters of the error of a server. */
const MAX_ERROR = 500;

type Handler = (...parts: unknown[]) => unknown;
const isHandler = (value: unknown): value is Handler => typeof value === 'function';

/**
 * pi's MCP extension, which reports how its servers started (`mcp_startup_report`). pi 1.x keeps the state of its servers to
 * itself: what they offer is taken from the tools that it registers, and how they are from its own command `/mcp`, which
 * waits until each server has started or failed.
 */
export function mcpStart(factory: ExtensionFactory, { emit, isProjectTrusted }: McpStartDeps): ExtensionFactory {
  return (pi) => {
    let status: Handler | undefined;
    let startedAt = Date.now();
    /** How long after the start the first tool of a server was there, ms. */
    const delays = new Map<string, number>();
    const report = async (ctx: unknown): Promise<void> => {
      if (!isMap(ctx)) return;
      const lines: string[] = [];
      const notify = (text: unknown) => void lines.push(String(text));
      const ui: unknown = { notify };
      await status?.('', Object.create(ctx, { mode: { value: 'print' }, ui: { value: ui } }));
      const found = readStatus(lines.join('\n'), delays, Date.now() - startedAt);
      if (found !== undefined) emit({ type: 'mcp_startup_report', at: Date.now(), report: found });
    };
    /** Calls a handler of the extension with a context that says whether the folder is trusted. */
    const guarded = (handler: Handler, event: unknown, ctx: unknown): unknown =>
      handler(event, isMap(ctx) ? Object.create(ctx, { isProjectTrusted: { value: isProjectTrusted } }) : ctx);

    const on = (name: string, handler: unknown): unknown => {
      const listener = (event: unknown, ctx: unknown): unknown => {
        if (!isHandler(handler)) return undefined;
        if (name !== 'session_start') return handler(event, ctx);
        startedAt = Date.now();
        delays.clear();
        const started = guarded(handler, event, ctx);
        void report(ctx).catch(() => undefined);
        return started;
      };
      const listen: unknown = Reflect.get(pi, 'on');
      return isHandler(listen) ? Reflect.apply(listen, pi, [name, listener]) : undefined;
    };
    const registerTool: ExtensionAPI['registerTool'] = (tool) => {
      const [server] = arrayAt(mapAt({ ...tool }, 'namespace') ?? {}, 'aliases');
      if (typeof server === 'string' && !delays.has(server)) delays.set(server, Date.now() - startedAt);
      pi.registerTool(tool);
    };
    const registerCommand: ExtensionAPI['registerCommand'] = (name, command) => {
      const handle: unknown = command.handler;
      if (name === 'mcp' && isHandler(handle)) status = handle;
      pi.registerCommand(name, {
        ...command,
        handler: async (args, ctx) => {
          await command.handler(args, ctx);
          // The person has signed in, or connected a server again.
          if (args.trim() !== '') await report(ctx);
        },
      });
    };
    const seen: unknown = Object.create(pi, {
      on: { value: on },
      registerTool: { value: registerTool },
      registerCommand: { value: registerCommand },
    });
    return isApi(seen) ? factory(seen) : factory(pi);
  };
}

const isApi = (value: unknown): value is ExtensionAPI => isMap(value) && typeof value['on'] === 'function';

/** A line about one server: its name, its state, the number of its tools. */
const SERVER =
  /^(\S.*?): (connected|connecting|starting|failed|disconnected|disabled|needs sign-in)\b(?:, (\d+) tools)?/;
const CONFIG_ERROR = /^config error: (.*)$/;

/** Reads what `/mcp` prints. Undefined when there are no servers. */
export function readStatus(
  text: string,
  delays: ReadonlyMap<string, number>,
  totalMs: number,
): MetaMcpReport | undefined {
  const errors: { server: string; error: string }[] = [];
  const serverTimings: NonNullable<MetaMcpReport['serverTimings']> = [];
  for (const line of text.split('\n')) {
    const last = serverTimings.at(-1);
    if (line.startsWith('    ') && last !== undefined) {
      last.error = [last.error ?? '', line.trim()]
        .filter((text) => text !== '')
        .join('\n')
        .slice(0, MAX_ERROR);
      last.timedOut = /timed? ?out/i.test(last.error);
      continue;
    }
    const config = CONFIG_ERROR.exec(line)?.[1];
    if (config !== undefined && errors.length < MAX_SERVERS)
      errors.push({ server: 'mcp.json', error: config.slice(0, MAX_ERROR) });
    const [, name, state, tools] = SERVER.exec(line) ?? [];
    if (name === undefined || state === 'disabled' || serverTimings.length >= MAX_SERVERS) continue;
    const durationMs = delays.get(name) ?? totalMs;
    const toolCount = Number(tools ?? 0);
    const error = state === 'needs sign-in' ? { error: `needs sign-in: /mcp login ${name}` } : {};
    const failed = state === 'failed' ? { error: '' } : {};
    serverTimings.push({ name, durationMs, toolCount, timedOut: false, ...failed, ...error });
  }
  for (const { name, error } of serverTimings) {
    if (error !== undefined) errors.push({ server: name, error: error === '' ? 'failed to start' : error });
  }
  if (serverTimings.length === 0 && errors.length === 0) return undefined;
  const slow = totalMs > SLOW_MS;
  return { ...(slow ? { slow } : {}), errors, serverTimings, totalDurationMs: totalMs };
}
