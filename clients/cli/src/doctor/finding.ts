type Level = 'ok' | 'warn' | 'fail';

/** The result of one check. */
export interface Finding {
  /** The stable short name of the check. */
  check: string;
  level: Level;
  /** The result, as a sentence. */
  text: string;
  /** What to do about it; missing when there is nothing to do. */
  todo?: string;
}

export const ok = (check: string, text: string): Finding => ({ check, level: 'ok', text });
export const warn = (check: string, text: string, todo: string): Finding => ({ check, level: 'warn', text, todo });
export const fail = (check: string, text: string, todo: string): Finding => ({ check, level: 'fail', text, todo });
