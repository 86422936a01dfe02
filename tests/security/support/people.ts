import type { NewKeyReply, NewShareBody, NewShareReply } from '@pizzapi/protocol';
import type { Stage } from '../../support/local.js';
import { ask, cookieOf, type Answer, type Ask } from './http.js';

export const PASSWORD = 'Quattro-Formaggi-4';

/** Somebody with an account, in a browser and with an API key. */
export interface Person {
  userId: string;
  email: string;
  /** `<name>=<value>` as a browser sends it. */
  cookie: string;
  key: NewKeyReply;
  /** An API key. */
  token: string;
}

type Place = Pick<Stage, 'url'>;

/** A request of a browser: its cookie, from a page of this very address. */
export const fromPage = ({ url }: Place, { cookie }: Pick<Person, 'cookie'>, more: Ask = {}): Ask => ({
  ...more,
  headers: { origin: url, cookie, ...more.headers },
});

/** Throws unless an answer has this status. */
export function expectStatus(answer: Answer, status: number, what: string): Answer {
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${answer.text}`);
  return answer;
}

/** Gives the owner of a local run an address and a password: from then on whoever signs up is somebody else. */
export async function settleOwner(stage: Stage): Promise<Person> {
  const email = 'ada@example.com';
  const json = { email, password: PASSWORD, name: 'Ada' };
  const headers = { origin: stage.url };
  expectStatus(await ask(stage.url, '/api/auth/signup', { json, headers, bearer: stage.token }), 201, 'the owner');
  return signIn(stage, email);
}

/** Signs up, and in. Sign-up has to be open. */
export async function signUp(place: Place, name: string): Promise<Person> {
  const email = `${name.toLowerCase()}@example.com`;
  const json = { email, password: PASSWORD, name };
  expectStatus(await ask(place.url, '/api/auth/signup', { json, headers: { origin: place.url } }), 202, name);
  return signIn(place, email);
}

export async function signIn(place: Place, email: string): Promise<Person> {
  const cookie = await login(place, email);
  const me = await ask(place.url, '/api/auth/me', fromPage(place, { cookie }));
  const { userId } = expectStatus(me, 200, 'who am I').json as { userId: string };
  const key = await newKey(place, { cookie }, { name: 'tests' });
  return { userId, email, cookie, key, token: key.token };
}

/** One more browser of somebody. */
export async function login({ url }: Place, email: string): Promise<string> {
  const json = { email, password: PASSWORD };
  return cookieOf(expectStatus(await ask(url, '/api/auth/login', { json, headers: { origin: url } }), 200, email));
}

export async function newKey(
  place: Place,
  person: Pick<Person, 'cookie'>,
  json: { name: string; kind?: 'user' | 'runner' },
): Promise<NewKeyReply> {
  const answer = await ask(place.url, '/api/keys', fromPage(place, person, { json }));
  return expectStatus(answer, 201, 'a key').json as NewKeyReply;
}

export async function newShare(
  { url }: Place,
  bearer: string,
  sid: string,
  json: NewShareBody = {},
): Promise<NewShareReply> {
  const answer = await ask(url, `/api/sessions/${sid}/shares`, { bearer, json });
  return expectStatus(answer, 201, 'a link').json as NewShareReply;
}
