import type { IncomingHttpHeaders } from 'node:http';
import { hostUrl, isAtPageName, pageUrl } from '@pizzapi/process';
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
  private programUrl = '';
  /** The pages of the local network: the origin of each by its `Host`. */
  private lan: ReadonlyMap<string, string> = new Map();

  constructor(
    private readonly publicUrl: string | undefined,
    private readonly listenHost: string,
  ) {}

  /** Known once the gateway listens. */
  listening(port: number): void {
    const url = pageUrl(this.publicUrl, this.listenHost, port);
    const { host, origin } = new URL(url);
    this.page = { url, host, origin };
    this.programUrl = hostUrl(isAtPageName(this.listenHost) ? LOOPBACK_NAMES[0]! : this.listenHost, port);
    const urls = [url, ...[...LOOPBACK_NAMES, this.listenHost].map((name) => hostUrl(name, port))];
    const parsed = urls.filter((each) => URL.canParse(each)).map((each) => new URL(each));
    this.hosts = new Set(parsed.map((each) => each.host));
    this.origins = new Set(parsed.map((each) => each.origin));
  }

  /** The page has these addresses too, for other devices. Replaces those before. */
  setLanOrigins(origins: readonly string[]): void {
    this.lan = new Map(origins.map((origin) => [new URL(origin).host, new URL(origin).origin]));
  }

  /** Where people open the page, without a slash at its end. */
  get pageUrl(): string {
    return this.page.url;
  }

  /**
   * Where a program reaches this gateway that was asked under a name of ours: the public address, or else that of the local
   * network, or else that of this machine. Never a text from the request.
   */
  programUrlFor({ host }: IncomingHttpHeaders): string {
    return this.publicUrl ?? this.lan.get(host?.toLowerCase() ?? '') ?? this.programUrl;
  }

  /** Where pages of ours open their sockets, as a Content-Security-Policy can name it: it knows no IPv6 literals. */
  socketOriginsFor(headers: IncomingHttpHeaders): string[] {
    const origin = this.pageOriginOf(headers) ?? this.page.origin;
    return origin === '' || origin.includes('[') ? [] : [origin.replace(/^http/, 'ws')];
  }

  /** Whether a request was made at the one address of the page that the issuer sends browsers back to. */
  isAtPage({ host }: IncomingHttpHeaders): boolean {
    return host !== undefined && host.toLowerCase() === this.page.host;
  }

  /** Whether a request was made at an address of the local network. */
  isLan({ host }: IncomingHttpHeaders): boolean {
    return this.lan.has(host?.toLowerCase() ?? '');
  }

  /** Whether a request was made under a name of the page's own. */
  isOfPage(headers: IncomingHttpHeaders): boolean {
    return this.pageOriginOf(headers) !== undefined;
  }

  /** The origin of the page that a request was made under, or undefined for any other name. */
  private pageOriginOf({ host }: IncomingHttpHeaders): string | undefined {
    const name = host?.toLowerCase() ?? '';
    return name !== '' && name === this.page.host ? this.page.origin : this.lan.get(name);
  }

  hostProblem({ host }: IncomingHttpHeaders): ErrorInfo | undefined {
    const name = host?.toLowerCase();
    if (name !== undefined && (this.hosts.has(name) || this.lan.has(name))) return undefined;
    return errorInfo('forbidden_host', `This gateway has no host name "${String(host).slice(0, 100)}"`);
  }

  /** A browser says where a request comes from whenever it may change something; programs say nothing. */
  originProblem(headers: IncomingHttpHeaders): ErrorInfo | undefined {
    const { origin, 'sec-fetch-site': site } = headers;
    const own = origin?.toLowerCase();
    if (own === undefined ? site !== 'cross-site' : this.origins.has(own) || own === this.pageOriginOf(headers))
      return undefined;
    return foreign(origin);
  }

  /** A cookie is of the page that the request was made under: no other of our addresses speaks with it. */
  cookieProblem(headers: IncomingHttpHeaders): ErrorInfo | undefined {
    const { origin } = headers;
    return origin === undefined || origin.toLowerCase() === this.pageOriginOf(headers) ? undefined : foreign(origin);
  }
}

const foreign = (origin: string | undefined): ErrorInfo =>
  errorInfo('forbidden_origin', `Requests from "${String(origin).slice(0, 100)}" are not accepted`);
