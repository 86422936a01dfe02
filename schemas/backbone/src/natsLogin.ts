import type { BackboneOptions } from './connection.js';
import { splitAddresses } from '@pizzapi/protocol';

/** The options of a service that name nats-server and the login there. */
export interface NatsOptions {
  /** One address, or several with commas. */
  natsUrl: string;
  natsNkey?: string | undefined;
  natsUser?: string | undefined;
  natsPassword?: string | undefined;
}

/** Returns the options of `connectBackbone` that say where and as whom a service connects. */
export function natsLoginOf(options: NatsOptions): Pick<BackboneOptions, 'url' | 'nkey' | 'user' | 'password'> {
  const { natsUrl, natsNkey, natsUser, natsPassword } = options;
  return {
    url: splitAddresses(natsUrl),
    ...(natsNkey === undefined ? {} : { nkey: natsNkey }),
    ...(natsUser === undefined ? {} : { user: natsUser, password: natsPassword ?? '' }),
  };
}
