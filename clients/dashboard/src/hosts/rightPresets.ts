import { RIGHT_PRESETS, RUNNER_RIGHTS, rightsOf, type RunnerRight } from '@pizzapi/protocol';

export type RightPreset = keyof typeof RIGHT_PRESETS;

/** What a person can let others of the account do on a host. */
export const RIGHT_CHOICES: readonly { value: RightPreset; label: string; text: string }[] = [
  { value: 'everything', label: 'Everything', text: 'Sessions, files, terminals and commands.' },
  { value: 'sessions and files', label: 'Sessions and files', text: 'No terminals, and no commands of people.' },
  { value: 'sessions only', label: 'Sessions only', text: 'Agents work there. People do not.' },
];

/** The rights of a preset, as a request has them: everything is named by leaving them out. */
export const allowOf = (preset: RightPreset): { allow?: RunnerRight[] } =>
  preset === 'everything' ? {} : { allow: [...RIGHT_PRESETS[preset]] };

const WORDS: Readonly<Record<RunnerRight, string>> = {
  sessions: 'sessions',
  terminals: 'terminals',
  'files:read': 'reading files',
  'files:write': 'changing files',
  exec: 'commands',
};

/** What a token allows, as words; undefined for everything. */
export function rightsText(allow: readonly RunnerRight[] | undefined): string | undefined {
  const rights = rightsOf(allow);
  if (rights.length === RUNNER_RIGHTS.length) return undefined;
  return rights.length === 0 ? 'nothing' : rights.map((right) => WORDS[right]).join(', ');
}
