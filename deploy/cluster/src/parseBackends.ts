import { CodedError } from '@pizzapi/protocol';
import type { BackendAddress } from './rotation.js';

const MAX_PORT = 65_535;

/** Reads `host:port`, separated by commas. Throws `bad_option` for anything else, and without an address. */
export function parseBackends(text: string | undefined): BackendAddress[] {
  const backends = (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map(parseBackend);
  if (backends.length > 0) return backends;
  throw new CodedError('bad_option', '--backends names no address');
}

function parseBackend(text: string): BackendAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const [host, port] = [match?.[1] ?? match?.[2], Number(match?.[3])];
  if (host !== undefined && port >= 1 && port <= MAX_PORT) return { host, port };
  throw new CodedError('bad_option', `--backends names "${text}", but takes addresses such as 127.0.0.1:7492`);
}
