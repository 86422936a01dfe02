import { isWebSocketAddress, natsUrlOfGateway, splitAddresses } from '@pizzapi/protocol';
import type { FastifyRequest } from 'fastify';
import { isEncrypted } from '../auth/cookies.js';

export interface NatsAddressOptions {
  publicUrl?: string | undefined;
  /** Where this gateway reaches nats-server. */
  natsUrl?: string | undefined;
  /** Where runners reach it. */
  natsPublicUrl?: string | undefined;
  natsWebSocketUrl?: string | undefined;
}

/** Where a runner finds nats-server, as a reply tells it. */
export interface NatsWhere {
  natsUrl?: string;
  natsUrls?: string[];
}

/** Where runners find nats-server, for a runner that asks this gateway. */
export class NatsAddresses {
  constructor(private readonly options: NatsAddressOptions) {}

  /** `natsUrl` is for runners of earlier versions, which know one address and no WebSockets. */
  of(request: Pick<FastifyRequest, 'headers' | 'raw'>): NatsWhere {
    const { natsUrl, natsPublicUrl } = this.options;
    const first = splitAddresses(natsPublicUrl ?? natsUrl ?? '').find((url) => !isWebSocketAddress(url));
    const urls = natsPublicUrl === undefined ? this.passedOn(request) : splitAddresses(natsPublicUrl);
    return { ...(first === undefined ? {} : { natsUrl: first }), ...(urls.length === 0 ? {} : { natsUrls: urls }) };
  }

  /** `/nats` under the public address, or else under the one that the runner asked, which the guard has checked. */
  private passedOn({ headers, raw }: Pick<FastifyRequest, 'headers' | 'raw'>): string[] {
    const { publicUrl, natsWebSocketUrl } = this.options;
    if (publicUrl !== undefined) return [natsUrlOfGateway(publicUrl)];
    if (natsWebSocketUrl === undefined || headers.host === undefined) return [];
    return [natsUrlOfGateway(`${isEncrypted(raw) ? 'https' : 'http'}://${headers.host}`)];
  }
}
