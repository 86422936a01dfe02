import { PI_OPTION_LIMITS, type ApprovalLimits, type ApprovalMode } from '@pizzapi/protocol';
import type { ApprovalRule } from './approvalPolicy.js';

/**
 * What holds of a session that another one starts. Every rule that holds something back goes with it. `own` are rules of
 * the other session itself, which are in no file: those that allow something go along as far as there is room, and only
 * where the caller knows that the new session works in the same place. Throws when there is too much to take along.
 */
export function limitsFor(
  mode: ApprovalMode,
  rules: readonly ApprovalRule[],
  own: readonly ApprovalRule[],
): ApprovalLimits {
  const holding = rules.filter(({ decision }) => decision !== 'allow');
  if (!fits(holding)) {
    const { approvalRules, approvalRule } = PI_OPTION_LIMITS;
    throw new Error(
      `A child session would have to keep ${holding.length} rules that deny or ask. It can be given ${approvalRules} ` +
        `of at most ${approvalRule} characters. Remove some from the approvals file first.`,
    );
  }
  const handed = [...holding];
  for (const rule of own.filter(({ decision }) => decision === 'allow').toReversed()) {
    if (fits([...handed, rule])) handed.push(rule);
  }
  return { ...(mode === 'ask' ? { mode } : {}), ...(handed.length === 0 ? {} : { rules: handed }) };
}

function fits(rules: readonly ApprovalRule[]): boolean {
  const { approvalRules, approvalRule, approvals } = PI_OPTION_LIMITS;
  const isShort = (text: string | undefined) => text === undefined || text.length <= approvalRule;
  const areShort = rules.every(({ tool, command, script }) => [tool, command, script].every(isShort));
  return areShort && rules.length <= approvalRules && JSON.stringify(rules).length <= approvals;
}
