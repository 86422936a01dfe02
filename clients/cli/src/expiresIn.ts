import { errorInfo, parseDuration } from '@pizzapi/protocol';
import { EXIT, Failure } from './io.js';

/**
 * Returns a duration for the API, or undefined when none is given. Fails with the name of the flag for an invalid
 * duration.
 */
export function expiresIn(flag: string, typed: string | undefined): { expiresIn?: string } {
  if (typed === undefined) return {};
  if (parseDuration(typed) !== undefined) return { expiresIn: typed.trim() };
  const wanted = 'takes a number followed by s, m, h or d, such as 30m, 2h or 7d';
  throw new Failure(errorInfo('bad_option', `${flag} is "${typed.slice(0, 40)}", but ${wanted}`), EXIT.usage);
}
