import type { IncomingHttpHeaders } from 'node:http';
import { hostUrl, pageUrl } from '@pizzapi/process';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '::1'];

/**
 * The addresses this gateway is reached under. Anything else in `Host` is another name that was made to point here, and
 * anything else in `Origin` a foreign page. One of them is where the page is: browsers sign in there and nowhere else.
 * The others are for programs, which show a bearer.
 */
export class OriginPolicy {
  private hosts = new Set<string>();
  private origins = new Set<string>();
  private page = { url: '', host: '', origin: '' };

  constructor(
    private readonly publicUrl: string | undefined,
    private readonly listenHost: string,
  ) {}

  /** Known once the gateway listens. */
  listening(port: number): void {
    const url = pageUrl(this.publicUrl, this.listenHost, port);
    const { host, origin } = new URL(url);
    this.page = { url, host, origin };
    const urls = [url, ...[...LOOPBACK_NAMES, this.listenHost].map((name) => hostUrl(name, port))];
    const parsed = urls.filter((each) => URL.canParse(each)).map((each) => new URL(each));
    this.hosts = new Set(parsed.map((each) => each.host));
    this.origins = new Set(parsed.map((each) => each.origin));
  }

  /** Where people open the page, without a slash at its end. */
  get pageUrl(): string {
    return this.page.url;
  }

  /** Where pages of ours open their sockets, as a Content-Security-Policy can name it: it knows no IPv6 literals. */
  get socketOrigins(): string[] {
    const { origin } = this.page;
    return origin === '' || origin.includes('[') ? [] : [origin.replace(/^http/, 'ws')];
  }

  /** Whether a request was made under the page's own name. */
  isOfPage({ host }: IncomingHttpHeaders): boolean {
    return this.page.host !== '' && host?.toLowerCase() === this.page.host;
  }

  hostProblem({ host }: IncomingHttpHeaders): ErrorInfo | undefined {
    if (host !== undefined && this.hosts.has(host.toLowerCase())) return undefined;
    return errorInfo('forbidden_host', `This gateway has no host name "${String(host).slice(0, 100)}"`);
  }

  /** A browser says where a request comes from whenever it may change something; programs say nothing. */
  originProblem({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): ErrorInfo | undefined {
    if (origin === undefined ? site !== 'cross-site' : this.origins.has(origin.toLowerCase())) return undefined;
    return foreign(origin);
  }

  /** A cookie is the page's: no other of our addresses speaks with it. */
  cookieProblem({ origin }: IncomingHttpHeaders): ErrorInfo | undefined {
    return origin === undefined || origin.toLowerCase() === this.page.origin ? undefined : foreign(origin);
  }
}

const foreign = (origin: string | undefined): ErrorInfo =>
  errorInfo('forbidden_origin', `Requests from "${String(origin).slice(0, 100)}" are not accepted`);
