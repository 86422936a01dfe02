import { CodedError, parseRights, RUNNER_RIGHTS, type RunnerRight } from '@pizzapi/protocol';

/** Reads `--allow sessions,files:read`. Undefined without the option: everything. */
export function rightsOption(text: string | undefined): RunnerRight[] | undefined {
  if (text === undefined) return undefined;
  const parsed = parseRights(text);
  if (parsed.kind === 'ok') return parsed.rights;
  throw new CodedError('bad_option', `--allow has the rights ${RUNNER_RIGHTS.join(', ')}, not "${parsed.word}"`);
}
