import { COMMAND_NAMES, type CommandName } from './commands.js';
import { errorInfo, type ErrorInfo } from './errors.js';
import type { GuestRight } from './guests.js';
import { isMap } from './json.js';

/**
 * What guests may do, beside watching. The gateway and the host of a session both ask here: the host does not rely on
 * what a page shows or a gateway lets through.
 */

/** What the agent asks people as a whole. */
export type GuestPromptKind = 'question' | 'plan' | 'approval';

/**
 * The commands of a guest who may write: to take part in the conversation. Not: what reaches beyond it, to the host, its
 * files or other sessions, nor what decides over the session itself.
 */
const GUEST_COMMANDS: readonly CommandName[] = [
  'input',
  'abort',
  'dialog_response',
  'compact',
  'model_set',
  'set_thinking_level',
];

/** Why a guest may not send a command, or undefined. What is no command is not for this to say. */
export function guestCommandProblem(name: string): ErrorInfo | undefined {
  if (!COMMAND_NAMES.includes(name as CommandName) || GUEST_COMMANDS.includes(name as CommandName)) return undefined;
  return errorInfo('forbidden', `A link does not let you send "${name}"`);
}

const NOT_APPROVE = errorInfo(
  'forbidden',
  'This link lets you write and not approve. Ask the owner for a link that also lets you approve',
);
const THIS_CALL_ONLY = errorInfo(
  'forbidden',
  'A link lets you allow this one call or deny it. Only the owner decides for other calls',
);
const NO_EDIT = errorInfo(
  'forbidden',
  'A link lets you approve this plan as it is, reject it, or say what to change. Only the owner edits it',
);
const OWNER_ONLY = errorInfo('forbidden', 'Only the owner answers what an extension asks');

/**
 * Why a guest may not give this answer to what the agent asks, or undefined. `kind` is undefined for a dialog of any
 * other extension: what its answer decides, and for how long, nobody else can tell. Null and undefined close it
 * unanswered.
 */
export function guestAnswerProblem(
  kind: GuestPromptKind | undefined,
  right: GuestRight,
  value: unknown,
): ErrorInfo | undefined {
  if (kind === 'question') return undefined;
  if (kind === undefined) return OWNER_ONLY;
  if (right !== 'approve') return NOT_APPROVE;
  if (value === null || value === undefined) return undefined;
  if (kind === 'plan') return isMap(value) ? NO_EDIT : undefined;
  const isDenial = isMap(value) && value['action'] === 'deny';
  return value === 'approve' || value === 'deny' || isDenial ? undefined : THIS_CALL_ONLY;
}

/** Whether a guest may answer anything of this kind at all: what a page shows as a form. */
export const mayGuestAnswer = (kind: GuestPromptKind | undefined, right: GuestRight): boolean =>
  guestAnswerProblem(kind, right, undefined) === undefined;
