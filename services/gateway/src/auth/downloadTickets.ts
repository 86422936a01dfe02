import type { IncomingHttpHeaders } from 'node:http';
import { PAGE_TOKEN, SHARE_TOKEN } from '@pizzapi/protocol';
import { Sealer } from './sealed.js';

const PURPOSE = 'download';
/** How long a ticket is valid, in ms: a browser continues a download that was interrupted under the same address. */
export const DOWNLOAD_TICKET_MS = 60 * 60_000;
/** What a browser cannot send when it opens an address. Its cookie it sends itself. */
const SEALED_HEADERS = ['authorization', PAGE_TOKEN.header, SHARE_TOKEN.header] as const;

/** The file that a ticket is for, as the address names it. */
export interface TicketFile {
  rid: string;
  path?: string | undefined;
  base64?: string | undefined;
  sessionId?: string | undefined;
}

/**
 * Download tickets: a browser opens the address of a file without the headers of a page. A ticket has these headers sealed, for
 * one file. It is stored nowhere, gives no right of its own and ends with the credential that it was made with. One of a
 * signed-in page is no use without its cookie.
 */
export class DownloadTickets {
  private readonly sealer: Sealer;

  constructor(secret: Uint8Array, now?: () => number) {
    this.sealer = new Sealer(secret, now);
  }

  issue(headers: IncomingHttpHeaders, file: TicketFile): Promise<string> {
    const shown = SEALED_HEADERS.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    });
    const values = Object.fromEntries(shown) as Record<string, string>;
    return this.sealer.seal(PURPOSE, { ...values, file: textOf(file) }, DOWNLOAD_TICKET_MS);
  }

  /** The headers of a request with those of its ticket. A ticket that is not valid, or of another file, adds none. */
  async headersWith(ticket: string, headers: IncomingHttpHeaders, file: TicketFile): Promise<IncomingHttpHeaders> {
    const opened = await this.sealer.open(PURPOSE, ticket);
    if (opened?.['file'] !== textOf(file)) return headers;
    const shown = SEALED_HEADERS.flatMap((name) => {
      const value = opened[name];
      return typeof value === 'string' ? [[name, value]] : [];
    });
    return { ...headers, ...(Object.fromEntries(shown) as IncomingHttpHeaders) };
  }
}

const textOf = ({ rid, path, base64, sessionId }: TicketFile): string =>
  JSON.stringify([rid, path ?? null, base64 ?? null, sessionId ?? null]);
