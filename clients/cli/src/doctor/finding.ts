type Level = 'ok' | 'warn' | 'fail';

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at: a short name that stays the same. */
  check: string;
  level: Level;
  /** What was found, in a sentence. */
  text: string;
  /** What to do about it, where there is something to do. */
  todo?: string;
}

export const ok = (check: string, text: string): Finding => ({ check, level: 'ok', text });
export const warn = (check: string, text: string, todo: string): Finding => ({ check, level: 'warn', text, todo });
export const fail = (check: string, text: string, todo: string): Finding => ({ check, level: 'fail', text, todo });
