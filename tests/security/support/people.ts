import { PAGE_TOKEN, type NewKeyReply, type NewShareBody, type NewShareReply } from '@pizzapi/protocol';
import type { RunningStack } from '../../support/localStack.js';
import { ask, cookieOf, fromPageOf, type HttpAnswer, type HttpRequest } from './http.js';

export const PASSWORD = 'Quattro-Formaggi-4';

/** Somebody with an account, in a browser and with an API key. */
export interface Person {
  userId: string;
  email: string;
  /** `<name>=<value>` as a browser sends it. */
  cookie: string;
  /** What the page shows beside it. */
  pageToken: string;
  key: NewKeyReply;
  /** An API key. */
  token: string;
}

type Place = Pick<RunningStack, 'url'>;

/** A browser that is signed in. */
export type SignedInPerson = Pick<Person, 'cookie' | 'pageToken'>;

/** What the page of a gateway sends for somebody who is signed in. */
export const shownBy = (url: string, { cookie, pageToken }: SignedInPerson): Record<string, string> => ({
  ...fromPageOf(url),
  cookie,
  [PAGE_TOKEN.header]: pageToken,
});

/** A request of a page for somebody who is signed in. */
export const fromPage = ({ url }: Place, person: SignedInPerson, more: HttpRequest = {}): HttpRequest => ({
  ...more,
  headers: { ...shownBy(url, person), ...more.headers },
});

/** Throws unless an answer has this status. */
export function expectStatus(answer: HttpAnswer, status: number, what: string): HttpAnswer {
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${answer.text}`);
  return answer;
}

/** Gives the owner of a local run an address and a password: from then on whoever signs up is somebody else. */
export async function settleOwner(stage: RunningStack): Promise<Person> {
  const email = 'ada@example.com';
  const json = { email, password: PASSWORD, name: 'Ada' };
  expectStatus(await ask(stage.url, '/api/auth/signup', { json, bearer: stage.token }), 201, 'the owner');
  return signIn(stage, email);
}

/** Signs up, and in. Sign-up has to be open. */
export async function signUp(place: Place, name: string): Promise<Person> {
  const email = `${name.toLowerCase()}@example.com`;
  const json = { email, password: PASSWORD, name };
  const headers = fromPageOf(place.url);
  expectStatus(await ask(place.url, '/api/auth/signup', { json, headers }), 202, name);
  return signIn(place, email);
}

export async function signIn(place: Place, email: string): Promise<Person> {
  const browser = await login(place, email);
  const me = await ask(place.url, '/api/auth/me', fromPage(place, browser));
  const { userId } = expectStatus(me, 200, 'who am I').json as { userId: string };
  const key = await newKey(place, browser, { name: 'tests' });
  return { userId, email, ...browser, key, token: key.token };
}

/** One more browser of somebody. */
export async function login({ url }: Place, email: string): Promise<SignedInPerson> {
  const sent = { json: { email, password: PASSWORD }, headers: fromPageOf(url) };
  const answer = expectStatus(await ask(url, '/api/auth/login', sent), 200, email);
  return { cookie: cookieOf(answer), pageToken: (answer.json as { pageToken: string }).pageToken };
}

export async function newKey(
  place: Place,
  person: SignedInPerson,
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

/** Tries to sign in with a password, as a page of the gateway does. */
export const attemptLogin = (
  url: string,
  email: string,
  password: string,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> =>
  ask(url, '/api/auth/login', { json: { email, password }, headers: { ...fromPageOf(url), ...headers } });
