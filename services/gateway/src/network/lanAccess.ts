import type { Socket } from 'node:net';
import { hostUrl, type Logger } from '@pizzapi/process';
import type { ReachableAddress } from '@pizzapi/protocol';
import type { LanAddress } from './addresses.js';
import { LanListener } from './lanListener.js';
import { readTls, versionOf, type TlsFiles, type TlsMaterial } from './tlsFiles.js';

/** How often the addresses of the machine are read again while the gateway is open to the network, in ms. */
const REFRESH_MS = 5_000;

export interface LanAccessDeps {
  /** The server that takes the connections. */
  server: { emit(event: 'connection', socket: Socket): boolean };
  /** The addresses of this machine now. */
  find: () => readonly LanAddress[];
  tls: TlsFiles | undefined;
  /** The server listens at all addresses of the machine already. */
  isWildcard: boolean;
  /** Called with the origins of the page whenever they change. */
  onOrigins: (origins: readonly string[]) => void;
  log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * The gateway on the local network: one more listener for each address of the machine, opened and closed at any time.
 * Requests are accepted under exactly these addresses, and under the names of the certificate.
 */
export class LanAccess {
  private readonly listeners = new Map<string, LanListener>();
  private found: readonly LanAddress[] = [];
  private tls: TlsMaterial | undefined;
  private port = 0;
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> = Promise.resolve();

  constructor(private readonly deps: LanAccessDeps) {}

  get isOpen(): boolean {
    return this.timer !== undefined;
  }

  /** Where other devices can open the page, the best first: an address with https before those without. */
  get addresses(): ReachableAddress[] {
    if (!this.isOpen) return [];
    const secure = this.tls !== undefined;
    const own = this.found.map(({ address, kind }) => ({ url: this.urlOf(address), kind, secure }));
    const named = (this.tls?.names ?? []).map((name): ReachableAddress => {
      return { url: this.urlOf(name), kind: name.endsWith('.ts.net') ? 'vpn' : 'lan', secure };
    });
    return own.length === 0 ? [] : [...named, ...own];
  }

  /** Opens the gateway to the network, at the port that it has on this machine. Throws `bad_option` for the certificate. */
  async open(port: number): Promise<void> {
    if (this.isOpen) return;
    this.port = port;
    this.tls = this.deps.tls === undefined ? undefined : readTls(this.deps.tls);
    this.timer = setInterval(() => void this.refresh(), REFRESH_MS).unref();
    await this.refresh();
  }

  /** Ends all connections from the network. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.refreshing;
    for (const listener of this.listeners.values()) listener.close();
    this.listeners.clear();
    this.found = [];
    this.deps.onOrigins([]);
  }

  /** Follows the addresses of the machine: a laptop gets others in another network. */
  private refresh(): Promise<void> {
    return (this.refreshing = this.refreshing.then(() => this.follow()));
  }

  private async follow(): Promise<void> {
    if (!this.isOpen) return;
    this.renewCertificate();
    const { find, isWildcard, onOrigins } = this.deps;
    const wanted = find();
    for (const [address, listener] of this.listeners) {
      if (wanted.some((one) => one.address === address)) continue;
      listener.close();
      this.listeners.delete(address);
    }
    const usable = [];
    for (const one of wanted) if (isWildcard || (await this.listenAt(one.address))) usable.push(one);
    if (!this.isOpen) return;
    this.found = usable;
    onOrigins(this.addresses.map(({ url }) => url));
  }

  private async listenAt(host: string): Promise<boolean> {
    if (this.listeners.has(host)) return true;
    const { server, log } = this.deps;
    try {
      this.listeners.set(host, await LanListener.open(server, { host, port: this.port, tls: this.tls }));
      log.info({ url: this.urlOf(host) }, 'listening on the local network');
      return true;
    } catch (err) {
      log.warn({ err, host, port: this.port }, 'cannot listen at this address of the local network; trying again');
      return false;
    }
  }

  private renewCertificate(): void {
    const { tls: files, log } = this.deps;
    if (files === undefined || versionOf(files) === this.tls?.version) return;
    try {
      const tls = readTls(files);
      this.tls = tls;
      for (const listener of this.listeners.values()) listener.renew(tls);
    } catch (err) {
      log.warn({ err }, 'the new certificate cannot be read; the one before stays in use');
    }
  }

  private urlOf(host: string): string {
    const url = hostUrl(host, this.port);
    return this.tls === undefined ? url : url.replace(/^http:/, 'https:');
  }
}
