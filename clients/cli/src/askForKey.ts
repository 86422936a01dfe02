import { errorInfo, type KeyKind, type PairReply, type RunnerRight } from '@pizzapi/protocol';
import { EXIT, Failure, interruptible, line, paint, toSafeLine, type Io } from './io.js';
import { isLoopback } from './home.js';
import { pair } from './pairing.js';
import { showQr } from './qr.js';
import { gatewayApi } from '@pizzapi/runner/access';

export interface KeyRequest {
  url: string;
  kind: KeyKind;
  /** The rights of a runner token. Missing: all. */
  allow?: RunnerRight[];
  /** The name of the key, which the person who approves it reads. */
  name: string;
  /** Whether to open the page in a browser on this machine. */
  browse: boolean;
  qr: boolean;
}

export interface GivenKey {
  token: string;
  natsUrl: string | undefined;
}

/**
 * Requests a key from a signed-in person, on this machine or on a phone: shows the address and the code, and waits.
 * Throws `Failure` when no key is granted.
 */
export async function askForKey(io: Io, { url, kind, name, allow, browse, qr }: KeyRequest): Promise<GivenKey> {
  warnOfPlainHttp(io, url);
  const outcome = await interruptible(io, (signal) =>
    pair(
      gatewayApi({ url }),
      { kind, name, ...(allow === undefined ? {} : { allow }) },
      {
        asked: (reply) => show(io, reply, { browse, qr }),
        waiting: (polls) => progress(io, polls),
        sleep: (ms, signal) => io.sleep(ms, signal),
        signal,
      },
    ),
  );
  endProgress(io);
  switch (outcome.kind) {
    case 'approved':
      return outcome;
    case 'denied':
      throw new Failure(errorInfo('pair_denied', 'The request was denied'));
    case 'expired':
      throw new Failure(errorInfo('pair_not_found', 'The request expired before it was approved'));
    case 'stopped':
      throw new Failure(
        errorInfo('start_stopped', 'Stopped before the request was approved; nothing was saved'),
        EXIT.interrupted,
      );
    case 'failed':
      throw new Failure(outcome.error);
  }
}

/** A key that is sent without TLS can be read by others on the network. */
export function warnOfPlainHttp(io: Io, url: string): void {
  if (/^(http|ws):/.test(url) && !isLoopback(url)) {
    line(io.stderr, paint(io, 'yellow', `${url} is not encrypted: others on the network can read the key.`));
  }
}

function show(
  io: Io,
  { code, verifyUrl, expiresAt }: PairReply,
  { browse, qr }: Pick<KeyRequest, 'browse' | 'qr'>,
): void {
  const minutes = Math.min(60, Math.max(1, Math.round((expiresAt - Date.now()) / 60_000)));
  line(io.stderr, `Open this page in a browser where you are signed in (here or on your phone) within ${minutes} min:`);
  line(io.stderr, `\n  ${paint(io, 'bold', toSafeLine(verifyUrl))}\n`);
  line(io.stderr, `Approve only if it shows the code  ${paint(io, 'bold', toSafeLine(code, 16))}`);
  if (qr) showQr(io, io.stderr, verifyUrl);
  // The gateway chose this address: it is opened only when it is a page, never when it is a file or a program.
  if (browse && /^https?:\/\//i.test(verifyUrl) && URL.canParse(verifyUrl)) void io.browse(new URL(verifyUrl).href);
}

/** On a terminal a line that is updated; elsewhere one line, printed once. */
function progress(io: Io, polls: number): void {
  const text = 'Waiting for approval (Ctrl-C stops)';
  if (io.terminal.columns !== undefined) io.stderr.write(`\r${text}${'.'.repeat(polls % 4).padEnd(3)}`);
  else if (polls === 0) line(io.stderr, text);
}

function endProgress(io: Io): void {
  if (io.terminal.columns !== undefined) io.stderr.write('\r\u001b[K');
}
