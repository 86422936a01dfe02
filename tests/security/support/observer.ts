import type { SecuredNats } from '@pizzapi/authenticator/testing';
import { talk, type RawLogin } from '@pizzapi/authenticator/testing';
import { stateSeedOf } from '@pizzapi/backbone';

/** One stream as it stands. */
export interface StreamState {
  config: unknown;
  consumers: string[];
  lastSeq: number;
  /** The messages of each subject. */
  subjects: Record<string, number>;
  /** Whether the stream stores what is published on a subject. */
  captures(subject: string): boolean;
}

/** Watches the two accounts that have streams, as the provisioner. */
export interface Observer {
  streams(): Promise<Record<string, StreamState>>;
  /** Messages on the watched subjects that were not published there directly on one of `own`. */
  received(own: readonly string[]): string[];
  /** Resolves when nothing has arrived for a while after the server answered. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

type Raw = Awaited<ReturnType<typeof talk>>;

export async function observe(s: SecuredNats, watched: readonly string[]): Promise<Observer> {
  const seed = s.credentials.admin.nkeySeed;
  const clients = await Promise.all(
    [{ nkey: seed }, { nkey: stateSeedOf(seed) }].map((login) => watch(s, login, watched)),
  );
  return {
    async streams() {
      const all = await Promise.all(clients.map(({ streams }) => streams()));
      return Object.fromEntries(all.flat().sort(([a], [b]) => a.localeCompare(b)));
    },
    received: (own) => clients.flatMap(({ received }) => received()).filter((subject) => !own.includes(subject)),
    async settled() {
      // Two round trips of a consumer's life: what the attack caused was caused before.
      for (const { streams } of clients) await streams();
      for (const { client } of clients) await client.say('');
    },
    close: async () => {
      for (const { client } of clients) client.close();
    },
  };
}

async function watch(s: SecuredNats, login: RawLogin, watched: readonly string[]) {
  const client: Raw = await talk(s.nats.port, login);
  let asked = 0;
  // The API is not subscribed to: a subscription there would be a second one to answer it.
  const spied = watched.filter((subject) => !subject.startsWith('$JS.API') && !subject.startsWith('$SYS'));
  await client.say(spied.map((subject, index) => `SUB ${subject} w${index}`).join('\r\n'));
  await client.say('SUB _INBOX.observer.* o');
  const ask = async (call: string, body = ''): Promise<Record<string, unknown>> => {
    const reply = `_INBOX.observer.${++asked}`;
    await client.say(`PUB $JS.API.${call} ${reply} ${body.length}\r\n${body}`);
    const pattern = new RegExp(`MSG ${reply.replaceAll('.', '\\.')} o (\\d+)\\r\\n`);
    await client.until(new RegExp(`${pattern.source}[^]*?\\r\\n`));
    const heard = client.heard();
    const match = pattern.exec(heard)!;
    const from = match.index + match[0].length;
    const whole = (): string => client.heard().slice(from, from + Number(match[1]));
    while (whole().length < Number(match[1])) await client.say('');
    return JSON.parse(whole()) as Record<string, unknown>;
  };
  const streams = async (): Promise<[string, StreamState][]> => {
    const { streams: names = [] } = (await ask('STREAM.NAMES')) as { streams?: string[] };
    const states: [string, StreamState][] = [];
    for (const name of names) {
      const info = (await ask(`STREAM.INFO.${name}`, '{"subjects_filter":">"}')) as {
        config: { subjects: string[] };
        state: { last_seq: number; subjects?: Record<string, number> };
      };
      const { consumers = [] } = (await ask(`CONSUMER.NAMES.${name}`)) as { consumers?: string[] };
      const { state, config } = info;
      const captures = (subject: string): boolean => config.subjects.some((pattern) => matches(pattern, subject));
      states.push([
        name,
        { config, consumers: consumers.sort(), lastSeq: state.last_seq, subjects: sorted(state.subjects), captures },
      ]);
    }
    return states;
  };
  const received = (): string[] => [...client.heard().matchAll(/^H?MSG (\S+) w\d+ /gm)].map(([, subject]) => subject!);
  return { client, streams, received };
}

const sorted = (subjects: Record<string, number> = {}): Record<string, number> =>
  Object.fromEntries(Object.entries(subjects).sort(([a], [b]) => a.localeCompare(b)));

function matches(pattern: string, subject: string): boolean {
  const [words, tokens] = [pattern.split('.'), subject.split('.')];
  return (
    words.every((word, index) => word === '>' || word === '*' || word === tokens[index]) &&
    (words.at(-1) === '>' ? tokens.length >= words.length : tokens.length === words.length)
  );
}
