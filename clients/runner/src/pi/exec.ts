import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { errorInfo } from '@pizzapi/protocol';
import type { SessionParts } from './parts.js';
import { sanitizeMessage } from './sanitizeEvent.js';
import type { ExecResult, Outcome } from './types.js';
import { messageOf } from './errorMessage.js';

const TOOL = 'bash';

/** Runs the command the way pi's own `!` does, an extension that takes such commands over included. */
async function execute(pi: AgentSession, command: string, onText: (text: string) => void): Promise<ExecResult> {
  const cwd = pi.sessionManager.getCwd();
  const hook = await pi.extensionRunner.emitUserBash({ type: 'user_bash', command, excludeFromContext: false, cwd });
  if (hook?.result !== undefined) pi.recordBashResult(command, hook.result);
  const operations = hook?.operations === undefined ? {} : { operations: hook.operations };
  const { output, exitCode, cancelled, truncated } =
    hook?.result ?? (await pi.executeBash(command, onText, operations));
  return { output, exitCode: exitCode ?? null, cancelled, truncated };
}

/** The entry pi wrote for the command. While the agent works pi keeps it aside, and there is none yet. */
export function entryOf(pi: AgentSession, command: string): string | null {
  const leaf = pi.sessionManager.getLeafEntry();
  if (leaf?.type !== 'message' || leaf.message.role !== 'bashExecution') return null;
  return leaf.message.command === command ? leaf.id : null;
}

/** The shell commands of people in a session. One at a time: pi could abort the last one only. */
export class PersonShell {
  #running: Promise<unknown> | undefined;

  constructor(
    private readonly pi: AgentSession,
    private readonly parts: SessionParts,
  ) {}

  /** Settles when the command that runs has ended; undefined when no command runs. */
  get running(): Promise<unknown> | undefined {
    return this.#running;
  }

  run(command: string, id: string): Promise<Outcome<ExecResult>> {
    if (this.#running !== undefined) {
      const error = errorInfo('command_failed', 'Another shell command is still running');
      return Promise.resolve({ kind: 'failed', error });
    }
    const shell = runShell(this.pi, this.parts, command, id).finally(() => (this.#running = undefined));
    this.#running = shell;
    return shell;
  }
}

/**
 * Runs one command. In the log it is a message of pi's role `bashExecution` and a tool run under the same id, so that its
 * output streams like any tool's.
 */
async function runShell(
  pi: AgentSession,
  parts: SessionParts,
  command: string,
  id: string,
): Promise<Outcome<ExecResult>> {
  const call = { toolCallId: id, toolName: TOOL };
  parts.open.openMessage(id, 'bashExecution');
  parts.open.openTool(id);
  parts.emit({ type: 'message_start', at: Date.now(), messageId: id, role: 'bashExecution' });
  parts.emit({ type: 'tool_execution_start', at: Date.now(), ...call, args: { command } });
  let outcome: Outcome<ExecResult>;
  try {
    const onText = (text: string) => parts.pieces.add({ kind: 'output', toolCallId: id }, text);
    outcome = { kind: 'ok', ...(await execute(pi, command, onText)) };
  } catch (error) {
    outcome = { kind: 'failed', error: errorInfo('command_failed', messageOf(error)) };
  }
  const at = Date.now();
  const failed = { output: '', exitCode: null, cancelled: false, truncated: false };
  const { output, exitCode, cancelled, truncated } =
    outcome.kind === 'ok' ? outcome : { ...failed, output: outcome.error.message };
  const isError = outcome.kind === 'failed' || cancelled || (exitCode ?? 0) !== 0;
  parts.pieces.flush();
  // The output is in the message below; a second copy here would double it in the log.
  parts.emit({ type: 'tool_execution_end', at, ...call, result: { exitCode, cancelled, truncated }, isError });
  const message = sanitizeMessage({
    role: 'bashExecution',
    ...{ command, output, exitCode, cancelled, truncated, timestamp: at },
  });
  parts.emit({ type: 'message_end', at, messageId: id, entryId: entryOf(pi, command), message });
  parts.open.closeTool(id);
  parts.open.closeMessage(id);
  return outcome;
}
