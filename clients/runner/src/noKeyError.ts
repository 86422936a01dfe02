import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';

/** The error for a model without a key. `unset`: the variables that it refers to and that are not set. */
export function noKeyError(name: string, unset: readonly string[] = []): ErrorInfo {
  const why = unset.length === 0 ? '' : `: ${unsetText(unset)}`;
  return errorInfo('model_unauthenticated', `There is no key for "${name}"${why}`);
}

/** What to do about variables that are not set. */
export function unsetText(names: readonly string[]): string {
  const [first, ...more] = names;
  return more.length === 0
    ? `the environment variable ${first} is not set`
    : `the environment variables ${names.join(', ')} are not set`;
}
