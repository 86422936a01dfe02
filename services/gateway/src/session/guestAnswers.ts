import {
  guestAnswerProblem,
  isMap,
  type ErrorInfo,
  type GuestRight,
  type GuestPromptKind,
  type SessionMetaState,
} from '@pizzapi/protocol';

/** What an answer is to, as far as the meta state of its session knows the id. */
function promptKindIn(state: SessionMetaState, id: unknown): GuestPromptKind | undefined {
  if (state.pendingApproval?.promptId === id) return 'approval';
  if (state.pendingPlan?.toolCallId === id) return 'plan';
  return state.pendingQuestion?.toolCallId === id ? 'question' : undefined;
}

/**
 * Why a guest may not give this answer, or undefined. What the meta state does not show (a dialog, or a prompt behind
 * another one) is left to the host of the session, which knows what each is.
 */
export function answerProblem(state: SessionMetaState, right: GuestRight, args: unknown): ErrorInfo | undefined {
  const { dialogId, value } = isMap(args) ? args : {};
  // No guest decides what is loaded into the process of the agent.
  if (dialogId !== undefined && state.pendingPluginTrust?.promptId === dialogId)
    return guestAnswerProblem(undefined, right, value);
  const kind = promptKindIn(state, dialogId);
  return kind === undefined ? undefined : guestAnswerProblem(kind, right, value);
}
