import type { IncomingHttpHeaders } from 'node:http';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * The addresses this gateway is reached under. Anything else in `Host` is another name that was made to point here, and
 * anything else in `Origin` a foreign page.
 */
export class Addresses {
  private hosts = new Set<string>();
  private origins = new Set<string>();

  constructor(
    private readonly publicUrl: string | undefined,
    private readonly listenHost: string,
  ) {}

  /** Known once the gateway listens. */
  listening(port: number): void {
    const own = [...LOOPBACK, this.listenHost.includes(':') ? `[${this.listenHost}]` : this.listenHost];
    const urls = own.map((host) => `http://${host}:${port}`);
    if (this.publicUrl !== undefined) urls.push(this.publicUrl);
    const parsed = urls.filter((url) => URL.canParse(url)).map((url) => new URL(url));
    this.hosts = new Set(parsed.map(({ host }) => host));
    this.origins = new Set(parsed.map(({ origin }) => origin));
  }

  /** Where pages of ours open their sockets, as a Content-Security-Policy can name it: it knows no IPv6 literals. */
  get socketOrigins(): string[] {
    const named = [...this.origins].filter((origin) => !origin.includes('['));
    return named.map((origin) => origin.replace(/^http/, 'ws'));
  }

  hostProblem({ host }: IncomingHttpHeaders): ErrorInfo | undefined {
    if (host !== undefined && this.hosts.has(host.toLowerCase())) return undefined;
    return errorInfo('forbidden_host', `This gateway is not called "${String(host).slice(0, 100)}"`);
  }

  /** A browser says where a request comes from whenever it may change something; programs say nothing. */
  originProblem({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): ErrorInfo | undefined {
    if (origin === undefined ? site !== 'cross-site' : this.origins.has(origin.toLowerCase())) return undefined;
    return errorInfo('forbidden_origin', `Requests from "${String(origin).slice(0, 100)}" are not taken`);
  }
}
