import { errorInfo, validatePassword, type ErrorInfo } from '@pizzapi/protocol';

/** Somebody is sent away, and when to come back where that helps. */
export interface Refused {
  kind: 'refused';
  error: ErrorInfo;
  retryAfterS?: number;
}

/** Who asks: what is remembered of a browser or a program. */
export interface Client {
  ip: string;
  userAgent: string;
  /** Its cookies, as they came: whether it is a device that has signed in before. */
  cookies?: string | undefined;
  /** Whether the connection is encrypted by this gateway. */
  isEncrypted?: boolean;
}

export const refused = (error: ErrorInfo): Refused => ({ kind: 'refused', error });

export const retryAfterText = (retryAfterS: number): Refused => ({
  ...refused(errorInfo('too_many_requests', `Too many attempts; wait ${retryAfterS} s`)),
  retryAfterS,
});

/** Why a password may not be chosen, or undefined. */
export function weakness(password: string): ErrorInfo | undefined {
  const { valid, checks } = validatePassword(password);
  const unmet = checks.filter(({ met }) => !met).map(({ label }) => label);
  return valid ? undefined : errorInfo('password_weak', `This password lacks: ${unmet.join(', ')}`);
}
