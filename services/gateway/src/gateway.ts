import type { Backbone, StorageLimits } from '@pizzapi/backbone';
import type { HttpLimits, Logger, Metrics, Tracing } from '@pizzapi/process';
import type { Reach } from '@pizzapi/process/notify';
import type { SignupMode } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { PasswordLimits } from './accounts/passwords.js';
import type { IssuerSettings } from './issuer/options.js';
import type { TlsFiles } from './network/tlsFiles.js';
import type { RoomLimits } from './room/limits.js';
import type { ActionRateLimits } from './session/actionRates.js';

/** What a gateway is built of, and what it does for its process: `createGateway` builds one. */

export interface GatewayOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** The address people open, when it differs from host and port. */
  publicUrl?: string | undefined;
  /** Signs links and lets in the programs of this machine: `ensureGatewaySecret` of the home. */
  secret: Buffer;
  /** Who may get an account; `first` by default. */
  signup?: SignupMode;
  /** How people sign in through an issuer of OpenID Connect. */
  issuer?: IssuerSettings | undefined;
  /** Addresses and networks (CIDR) of the proxies whose word on where a request comes from is taken; none by default. */
  trustedProxies?: string[];
  /** Where this gateway reaches nats-server; reported to runners of earlier versions that pair. */
  natsUrl?: string | undefined;
  /** Where runners reach nats-server, when that is not /nats of this gateway; several are separated by commas. */
  natsPublicUrl?: string | undefined;
  /** Where nats-server listens for WebSockets, which /nats is passed on to; several are separated by commas. */
  natsWebSocketUrl?: string | undefined;
  /** Attempts at signing in, and the like, that a client has. */
  attemptsPerMinute?: number;
  passwords?: Partial<PasswordLimits>;
  /** Bytes that accounts, sessions and links may store. */
  storage?: Partial<StorageLimits>;
  /** Days after its end that a session is kept, where its account has no rule; 0 = for good. The authenticator erases. */
  retentionDays?: number;
  /** What accounts, links and addresses may send in a minute. */
  rates?: Partial<ActionRateLimits>;
  /** Where notifications may be sent; by default not to private addresses. */
  reach?: Reach;
  /** Folder of the built dashboard. */
  dashboard?: string | undefined;
  /** Folder of the package that hosts install, and of its script. */
  install?: string | undefined;
  /** Logs each answer of the HTTP API. */
  accessLog?: boolean;
  spawnWaitMs?: number;
  drainJitterMs?: number;
  limits?: Partial<RoomLimits>;
  /** Listens at the addresses of the local network too. */
  lan?: boolean;
  /** The addresses of the local network, instead of those of the interfaces. */
  lanAddresses?: readonly string[];
  /** The certificate for these addresses. */
  tls?: TlsFiles | undefined;
  /** What a connection may take. */
  http?: Partial<HttpLimits>;
}

export interface GatewayParts {
  backbone: Backbone;
  options: GatewayOptions;
  log: Logger;
  metrics: Metrics;
  /** Records no spans when left out. */
  tracing?: Tracing;
}

export interface Gateway {
  readonly app: FastifyInstance;
  /** What it counts, as a server of its own may tell it. */
  readonly metrics: Pick<Metrics, 'contentType' | 'render'>;
  /** Whether work should be sent here. */
  isReady(): boolean;
  /**
   * Starts to listen; resolves once it can serve, with the address for programs and the one for people. Throws
   * `port_in_use`.
   */
  listen(): Promise<{ url: string; pageUrl: string; port: number }>;
  /** Refuses new connections and asks the open ones to connect elsewhere. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}
