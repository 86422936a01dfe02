import { errorInfo, parseDuration } from '@pizzapi/protocol';
import { EXIT, Failure } from './io.js';

/** A duration as the API takes it, or nothing when none was typed. Fails, naming the flag, for what is no duration. */
export function expiresIn(flag: string, typed: string | undefined): { expiresIn?: string } {
  if (typed === undefined) return {};
  if (parseDuration(typed) !== undefined) return { expiresIn: typed.trim() };
  const wanted = 'takes a number followed by s, m, h or d, such as 30m, 2h or 7d';
  throw new Failure(errorInfo('bad_option', `${flag} is "${typed.slice(0, 40)}", but ${wanted}`), EXIT.usage);
}
