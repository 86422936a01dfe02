import { COMMAND_NAMES, type CommandName } from './commands.js';
import { errorInfo, type ErrorInfo } from './codedError.js';
import type { GuestRight } from './guests.js';
import { isMap } from './json.js';

/**
 * The rights of guests beyond reading. Both the gateway and the worker of a session check them: the worker does not
 * rely on the page or on the gateway.
 */

/** The kinds of prompts that the agent opens. */
export type GuestPromptKind = 'question' | 'plan' | 'approval';

/**
 * The commands of a guest with write access: those that take part in the conversation. They do not include commands
 * that reach the runner, its files or other sessions, or that decide over the session itself.
 */
const GUEST_COMMANDS: readonly CommandName[] = [
  'input',
  'abort',
  // Only for the guest's own inputs: `queueChangeProblem`.
  'queue_edit',
  'queue_remove',
  'queue_move',
  'queue_send_now',
  'dialog_response',
  'compact',
  'model_set',
  'set_thinking_level',
];

/** Returns why a guest may not send a command, or undefined. Does not check whether the command is valid. */
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
 * Returns why a guest may not give this answer to a prompt, or undefined. `kind` is undefined for a dialog of any other
 * extension, because the effect of its answer is unknown. The values null and undefined dismiss the prompt.
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

/** Returns whether a guest may answer prompts of this kind at all. The page shows a form only then. */
export const mayGuestAnswer = (kind: GuestPromptKind | undefined, right: GuestRight): boolean =>
  guestAnswerProblem(kind, right, undefined) === undefined;
