/** The roles of the messages that people see. */
const SHOWN_ROLES: ReadonlySet<unknown> = new Set([
  'user',
  'assistant',
  'toolResult',
  'custom',
  'bashExecution',
  'branchSummary',
  'compactionSummary',
]);

/** Messages of this role hold the prompt of pi, with `AGENTS.md` word by word and the tools. pi writes them since 1.0. */
export const PROMPT_ROLE = 'system';

/**
 * Whether messages of a role belong in the log. The prompt of pi does not: a log is shown to guests too. A role that we do
 * not know may hold a prompt as well.
 */
export const isShownRole = (role: unknown): boolean => SHOWN_ROLES.has(role);
