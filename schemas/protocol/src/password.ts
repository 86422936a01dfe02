/** The text of each rule, for people. Every validation returns its results in this order. Lengths are code points. */
export const PASSWORD_REQUIREMENTS = [
  'At least 8 characters',
  'At most 128 characters',
  'At least one uppercase letter (A–Z)',
  'At least one lowercase letter (a–z)',
  'At least one digit (0–9)',
] as const;

const RULES: readonly ((password: string) => boolean)[] = [
  (password) => codePoints(password, 8) >= 8,
  (password) => codePoints(password, 129) <= 128,
  (password) => /[A-Z]/.test(password),
  (password) => /[a-z]/.test(password),
  (password) => /[0-9]/.test(password),
];

/** Counts code points up to `limit`, so that a megabyte costs as little as a word. */
function codePoints(text: string, limit: number): number {
  let count = 0;
  for (const _ of text) if (++count >= limit) break;
  return count;
}

export interface PasswordCheckItem {
  label: string;
  met: boolean;
}

export interface PasswordCheck {
  valid: boolean;
  /** One result for each requirement, in the order of the requirements. */
  checks: PasswordCheckItem[];
}

/**
 * Returns how a password meets each rule. The same code runs in the server and in the browser. A value that is not a
 * string fails all rules.
 */
export function validatePassword(password: unknown): PasswordCheck {
  const checks = PASSWORD_REQUIREMENTS.map((label, index) => ({
    label,
    met: typeof password === 'string' && RULES[index]!(password),
  }));
  return { valid: checks.every((check) => check.met), checks };
}

/** Returns whether a password meets every rule. */
export function isValidPassword(password: unknown): password is string {
  return validatePassword(password).valid;
}
