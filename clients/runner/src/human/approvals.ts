import {
  cutText,
  isMap,
  mcpToolName,
  toolFieldLabel,
  toolFieldText,
  toolWords,
  type MetaPendingApproval,
} from '@pizzapi/protocol';
import { subjectOf, type ApprovalRule } from './approvalPolicy.js';
import { commandOf, describeUse, type ToolUse } from './tools.js';

/** What a person says to a call that waits for them. */
export type ApprovalAnswer =
  { kind: 'once' } | { kind: 'session' } | { kind: 'folder' } | { kind: 'deny'; reason?: string };

/** Characters of one argument that the prompt shows. */
const FIELD_SHOWN = 8_000;

interface Action {
  id: string;
  label: string;
  style?: 'primary' | 'danger';
  answer: ApprovalAnswer;
}

/** The choices there are for a call; without rules to remember it can only be allowed this once. */
export function actionsFor(remember: readonly ApprovalRule[]): Action[] {
  const what = remember.map(subjectOf).join(', ');
  const short = what.length > 80 ? `${cutText(what, 80)}…` : what;
  const kept: Action[] = [
    { id: 'session', label: `Allow in this session: ${short}`, answer: { kind: 'session' } },
    { id: 'folder', label: `Always allow in this folder: ${short}`, answer: { kind: 'folder' } },
  ];
  return [
    { id: 'approve', label: 'Allow once', style: 'primary', answer: { kind: 'once' } },
    ...(remember.length === 0 ? [] : kept),
    { id: 'deny', label: 'Deny', style: 'danger', answer: { kind: 'deny' } },
  ];
}

/** The choice that leads to a reason. */
export const DENY_AND_SAY = 'Deny with a reason…';

/** The answer in a value that came for the prompt as a whole: the id of an action, or `{ action: "deny", reason }`. */
export function readApproval(remember: readonly ApprovalRule[], value: unknown): ApprovalAnswer | undefined {
  if (isMap(value) && value['action'] === 'deny' && typeof value['reason'] === 'string') {
    return { kind: 'deny', reason: value['reason'] };
  }
  return actionsFor(remember).find(({ id }) => id === value)?.answer;
}

/** A call that waits, as every screen shows it. */
export function pendingApproval(
  promptId: string,
  use: ToolUse,
  remember: readonly ApprovalRule[],
): MetaPendingApproval {
  return {
    promptId,
    title: titleOf(use),
    toolName: use.tool,
    fields: Object.entries(use.input).map(([key, value]) => {
      const text = typeof value === 'string' ? value : textOf(use.tool, value);
      const shown = text.length > FIELD_SHOWN ? `${cutText(text, FIELD_SHOWN)}…` : text;
      return {
        key,
        label: toolFieldLabel(use.tool, key),
        value: shown,
        ...(shown.includes('\n') ? { multiline: true } : {}),
      };
    }),
    actions: actionsFor(remember).map(({ id, label, style }) => ({
      id,
      label,
      ...(style === undefined ? {} : { style }),
    })),
  };
}

function allowText(tool: string): string {
  const ofServer = mcpToolName(tool);
  return ofServer === undefined
    ? `Allow the tool "${tool}"?`
    : `Allow the tool "${ofServer.name}" of the MCP server "${ofServer.server}"?`;
}

function titleOf(use: ToolUse): string {
  if (commandOf(use) !== undefined) return 'Allow this command?';
  const words = toolWords(use.tool);
  return words?.fields === undefined ? allowText(use.tool) : `Allow this? ${words.verb}`;
}

/** Tools of other programs get their arguments as they are: what a person allows must be whole. */
function textOf(tool: string, value: unknown): string {
  if (toolWords(tool)?.fields !== undefined) return toolFieldText(value);
  return JSON.stringify(value, undefined, 2) ?? '';
}

/** What the model reads of a call that is not to be. */
export function deniedText(use: ToolUse, answer: { reason?: string } | undefined): string {
  const why = answer === undefined ? 'Nobody allowed it.' : `The person denied it${reasonOf(answer)}`;
  return `This call was not carried out (${describeUse(use)}). ${why} Do not reach the same end another way; go on without it, or ask.`;
}

function reasonOf({ reason }: { reason?: string }): string {
  return reason === undefined || reason.trim() === '' ? '.' : `: ${reason.trim()}`;
}

/** The answer to a call that was waiting when the agent was interrupted. */
export function lateApprovalText(use: ToolUse, answer: ApprovalAnswer | undefined): string {
  if (answer === undefined || answer.kind === 'deny') {
    return `About a call you made before you were interrupted: ${deniedText(use, answer)}`;
  }
  return `The person allows the call that you made before you were interrupted (${describeUse(use)}). It was not carried out then: make it again if it is still needed.`;
}
