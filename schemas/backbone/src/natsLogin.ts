import type { BackboneOptions } from './connection.js';
import { splitAddresses } from '@pizzapi/protocol';

/** The options of a service that name nats-server, the login there, and the partitions of the log. */
export interface NatsOptions {
  /** One address, or several with commas. */
  natsUrl: string;
  natsNkey?: string | undefined;
  natsUser?: string | undefined;
  natsPassword?: string | undefined;
  partitions?: number | undefined;
}

/** Returns the options of `connectBackbone` that say where and as whom a service connects, and to which log. */
export function natsLoginOf(
  options: NatsOptions,
): Pick<BackboneOptions, 'url' | 'nkey' | 'user' | 'password' | 'partitions'> {
  const { natsUrl, natsNkey, natsUser, natsPassword, partitions } = options;
  return {
    url: splitAddresses(natsUrl),
    ...(partitions === undefined ? {} : { partitions }),
    ...(natsNkey === undefined ? {} : { nkey: natsNkey }),
    ...(natsUser === undefined ? {} : { user: natsUser, password: natsPassword ?? '' }),
  };
}
