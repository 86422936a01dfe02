import { isIPv4 } from 'node:net';
import { CodedError } from '@pizzapi/protocol';
import { LOOPBACK } from './pageAddress.js';

/** The options by which other devices reach a gateway, as they were given. */
export interface GivenNetworkOptions {
  host: string;
  publicUrl: string | undefined;
  lan: boolean;
  lanAddresses: string | undefined;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
}

export interface NetworkOptions {
  lan: boolean;
  lanAddresses: string[];
  tls: { cert: string; key: string } | undefined;
}

const fail = (what: string): never => {
  throw new CodedError('bad_option', what);
};

/** Checks the options of the local network together. Throws `bad_option`. */
export function readNetworkOptions(given: GivenNetworkOptions): NetworkOptions {
  const { host, publicUrl, lan, tlsCert, tlsKey } = given;
  const lanAddresses = (given.lanAddresses ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  for (const address of lanAddresses)
    if (!isIPv4(address)) fail(`--lan-addresses names "${address}", but takes IPv4 addresses of this machine`);
  if ((tlsCert === undefined) !== (tlsKey === undefined)) fail('--tls-cert and --tls-key must be given together');
  const tls = tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey };
  if (tls !== undefined && !lan) fail('--tls-cert is for the addresses of --lan; give --lan too');
  if (lan && publicUrl !== undefined)
    fail('--lan and --public-url exclude each other: with a public address the page has no other one');
  const isLoopback = host === 'localhost' || (LOOPBACK as readonly string[]).includes(host);
  if (lan && !isLoopback) fail(`--lan and --host ${host} exclude each other: --lan chooses the addresses itself`);
  return { lan, lanAddresses, tls };
}
