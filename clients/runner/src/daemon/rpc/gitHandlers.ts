import { CodedError, CHANGES_METHODS, GIT_METHODS } from '@pizzapi/protocol';
import type { RunnerHandlers } from './dispatcher.js';

type GitMethod = keyof typeof GIT_METHODS | keyof typeof CHANGES_METHODS;

const refuse = (): never => {
  throw new CodedError('git_missing', 'This runner does not answer requests about git');
};

/** Answers requests about git and about the changes of sessions. */
export function gitHandlers(): Pick<RunnerHandlers, GitMethod> {
  const names = [...Object.keys(GIT_METHODS), ...Object.keys(CHANGES_METHODS)] as GitMethod[];
  return Object.fromEntries(names.map((name) => [name, refuse])) as Pick<RunnerHandlers, GitMethod>;
}
