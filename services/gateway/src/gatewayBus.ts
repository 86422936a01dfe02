import { announce, readAnnouncements, type Backbone } from '@pizzapi/backbone';
import { decode, encode } from '@pizzapi/protocol';

/** Passes messages between the gateways of an installation. A message that a gateway misses is lost. */
export interface GatewayBus {
  send(subject: string, message: object): void;
  /** Calls `onMessage` with each message on a subject, own ones included. Returns a function that stops it. */
  read(subject: string, onMessage: (message: unknown) => void): () => void;
  /** Calls `fn` when messages may have been missed. Returns a function that stops it. */
  onGap(fn: () => void): () => void;
}

export function gatewayBus(b: Backbone): GatewayBus {
  return {
    send: (subject, message) => announce(b, subject, encode(message)),
    read: (subject, onMessage) => readAnnouncements(b, subject, (body) => onMessage(decode(body))),
    onGap: (fn) => b.onStatus((status) => status === 'connected' && fn()),
  };
}
