import { programUrl, shellWord, type KeyKind, type NewKeyReply } from '@pizzapi/protocol';

/** The command that a fresh key is for, ready to be pasted into a terminal. */
export function commandFor(kind: KeyKind, { token, natsUrl }: NewKeyReply, gateway: string): string {
  const variables: Record<string, string> =
    kind === 'runner'
      ? { PIZZAPI_RUNNER_TOKEN: token, ...(natsUrl === undefined ? {} : { PIZZAPI_NATS_URL: natsUrl }) }
      : { PIZZAPI_API_KEY: token, PIZZAPI_RELAY_URL: programUrl(gateway) };
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${shellWord(value)}`);
  return [...settings, `npx pizzapi ${kind === 'runner' ? 'runner' : 'sessions'}`].join(' ');
}

/** What a machine is connected with that has no token yet: it asks for one itself. */
export const pairCommand = (gateway: string): string =>
  `npx pizzapi runner pair --relay-url ${shellWord(programUrl(gateway))}`;
