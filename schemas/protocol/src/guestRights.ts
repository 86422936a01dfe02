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
  return errorInfo('forbidden', `Guests of a share link cannot send "${name}"`);
}

const NOT_APPROVE = errorInfo(
  'forbidden',
  'This link allows writing but not approving. Ask the owner for a link that also allows approving',
);
const THIS_CALL_ONLY = errorInfo(
  'forbidden',
  'Guests can allow or deny this one call. Only the owner can decide for other calls',
);
const NO_EDIT = errorInfo(
  'forbidden',
  'Guests can approve this plan, reject it, or request changes. Only the owner can edit it',
);
const OWNER_ONLY = errorInfo('forbidden', 'Only the owner can answer prompts of an extension');

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
