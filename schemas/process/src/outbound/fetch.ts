import { CodedError } from '@pizzapi/protocol';
import { certificateProblem } from './problem.js';
import { proxyOf } from './proxies.js';
import { trustOf } from './trust.js';

/** A connection pool for each proxy; '' is the direct way. */
const dispatchers = new Map<string, object>();

/**
 * `fetch` for programs of ours: trusts the authorities of `PIZZAPI_CA` and takes the proxies that the environment names.
 * Without either it is the `fetch` of Node. Throws `certificate_untrusted` and `certificate_invalid`.
 */
export const outboundFetch: typeof globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  // The option is one of Node: the types of browsers do not have it.
  const way: object = { dispatcher: await dispatcherOf(url) };
  try {
    return await globalThis.fetch(input, { ...init, ...way });
  } catch (cause) {
    const problem = certificateProblem(url, cause);
    throw problem === undefined ? cause : new CodedError(problem.code, problem.what, { cause });
  }
};

async function dispatcherOf(url: string): Promise<object | undefined> {
  const trust = trustOf();
  const proxy = proxyOf(url);
  if (trust === undefined && proxy === undefined) return undefined;
  const key = `${proxy ?? ''} ${trust?.file ?? ''}`;
  const known = dispatchers.get(key);
  if (known !== undefined) return known;
  // Loaded on demand: most programs need neither.
  const { Agent, ProxyAgent } = await import('undici');
  const tls = trust === undefined ? {} : { secureContext: trust.secureContext };
  const made =
    proxy === undefined
      ? new Agent({ connect: tls })
      : new ProxyAgent({ uri: proxy, requestTls: tls, proxyTls: tls, proxyTunnel: true });
  dispatchers.set(key, made);
  return made;
}
