/** A command of the page. */
export interface Sent {
  commandId: string;
  name: string;
  args: Record<string, unknown>;
}

/** What its host says to a command: facts of the log, or undefined where it says what every host says. */
export type Responder = (sent: Sent) => object[] | undefined;

type Response = { kind: 'taken'; events: object[] } | { kind: 'refused'; error: { code: string; message: string } };

const SYSTEM = { userId: 'system', via: 'system' };
const ADA = { userId: 'owner', via: 'owner', name: 'Ada Lovelace' };

export const ok = ({ commandId, name }: Sent) => ({
  type: 'command_result',
  at: Date.now(),
  commandId,
  name,
  ok: true,
});
export const failed = ({ commandId, name }: Sent, code: string, message: string) => ({
  ...{ type: 'command_result', at: Date.now(), commandId, name, ok: false },
  error: { code, message },
});
export const resolved = (dialogId: string, value: unknown, by: object = ADA, outcome = 'answered') => ({
  ...{ type: 'dialog_resolved', at: Date.now(), dialogId, value, by, outcome },
});

/** The end of the dialog that was walking through a prompt. */
export const closed = (promptId: string) => resolved(`d_${promptId}`, undefined, SYSTEM, 'cancelled');

/**
 * What becomes of a command. Words in a message choose: "refuse" is refused by the gateway, "fail" by the host, "slow"
 * is stored and taken by nobody, "queue" waits for the agent; everything else is delivered.
 */
export function respond(sent: Sent, own: Responder | undefined): Response {
  const special = own?.(sent);
  if (special !== undefined) return { kind: 'taken', events: special };
  if (sent.name === 'dialog_response') {
    const { dialogId, value } = sent.args;
    const outcome = value === undefined ? 'cancelled' : 'answered';
    const at = Date.now();
    // What is cleared that was not there changes nothing.
    const cleared = [
      { type: 'question_cleared', at, toolCallId: dialogId },
      { type: 'plan_cleared', at, toolCallId: dialogId },
      { type: 'approval_cleared', at, promptId: dialogId },
      { type: 'plugin_trust_resolved', at, promptId: dialogId },
    ];
    const events = [resolved(String(dialogId), value, ADA, outcome), closed(String(dialogId)), ...cleared, ok(sent)];
    return { kind: 'taken', events };
  }
  const changed = modeChanged(sent);
  if (changed !== undefined) return { kind: 'taken', events: [changed, ok(sent)] };
  if (sent.name !== 'input') return { kind: 'taken', events: [ok(sent)] };
  return input(sent);
}

/** The event by which a host states a mode that a command has changed. */
function modeChanged({ name, args }: Sent): object | undefined {
  const at = Date.now();
  if (name === 'set_plan_mode') return { type: 'plan_mode_toggled', at, enabled: args['enabled'] };
  if (name === 'set_approvals') return { type: 'approvals_changed', at, mode: args['mode'] };
  if (name !== 'set_goal') return undefined;
  const goal = args['goal'] as object | null;
  const spent = { id: 'g1', status: 'active', turnCount: 0, tokenSpend: 0, costSpend: 0 };
  return { type: 'goal_updated', at, goal: goal === null ? null : { ...goal, ...spent } };
}

function input(sent: Sent): Response {
  const { commandId } = sent;
  const said = sent.args['text'];
  const text = typeof said === 'string' ? said : '';
  const at = Date.now();
  if (text.includes('refuse')) {
    const message = 'The host of this session is out of reach. Nothing is lost; send again once it is back.';
    return { kind: 'refused', error: { code: 'host_lost', message } };
  }
  if (text.includes('slow')) return { kind: 'taken', events: [] };
  const received = { type: 'input_received', at, commandId, text, by: ADA, deliverAs: 'followUp' };
  if (text.includes('queue')) return { kind: 'taken', events: [received, ok(sent)] };
  if (text.includes('fail')) {
    const message = 'The runner has no key for this model. Add one to pi (`pi /login`), or use demo/demo.';
    return { kind: 'taken', events: [received, failed(sent, 'model_unauthenticated', message)] };
  }
  const message = { role: 'user', content: [{ type: 'text', text }] };
  return {
    kind: 'taken',
    events: [
      received,
      ok(sent),
      { type: 'input_delivered', at, commandId },
      {
        ...{ type: 'message_end', at, messageId: `m_${commandId}`, entryId: `m_${commandId}`, message },
        origin: { commandId, by: ADA },
      },
    ],
  };
}
