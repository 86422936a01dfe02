/** What each rule asks, for people; the order is the order of every validation's results. Lengths are code points. */
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

/** Counts code points, but no further than `limit`, so that a megabyte costs as little as a word. */
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
  /** Always one result per requirement, in the requirements' order. */
  checks: PasswordCheckItem[];
}

/** How a password meets each rule. The same on server and in the browser. A non-string fails all of them. */
export function validatePassword(password: unknown): PasswordCheck {
  const checks = PASSWORD_REQUIREMENTS.map((label, index) => ({
    label,
    met: typeof password === 'string' && RULES[index]!(password),
  }));
  return { valid: checks.every((check) => check.met), checks };
}

/** Whether a password meets every rule. */
export function isValidPassword(password: unknown): password is string {
  return validatePassword(password).valid;
}
