import { loginUrl, mintLinkToken, paintedQrRow, qrRows } from '@pizzapi/process';
import { ADDRESS_KINDS, isMap, type ReachableAddress } from '@pizzapi/protocol';

/** How long the gateway may take to list its addresses, in ms. */
const ANSWER_MS = 3_000;

/** Where a phone opens the page, and the link that signs it in, once. */
export interface PhoneAddress extends ReachableAddress {
  loginUrl: string;
}

/** Asks the gateway for the best address that other devices can open; undefined when no other device can. */
export async function findPhoneAddress(
  gateway: string,
  token: string,
  secret: Uint8Array,
): Promise<PhoneAddress | undefined> {
  try {
    const reply = await fetch(`${gateway}/api/network`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const body: unknown = await reply.json();
    const best: unknown = isMap(body) && Array.isArray(body['addresses']) ? body['addresses'][0] : undefined;
    if (!isReachable(best)) return undefined;
    return { ...best, loginUrl: loginUrl(best.url, mintLinkToken(secret, Date.now())) };
  } catch {
    // An earlier version of the gateway, or one that stops: it prints the addresses of this machine alone.
    return undefined;
  }
}

function isReachable(value: unknown): value is ReachableAddress {
  if (!isMap(value)) return false;
  const { url, kind, secure } = value;
  return typeof url === 'string' && ADDRESS_KINDS.some((one) => one === kind) && typeof secure === 'boolean';
}

/** The lines about other devices: the address with a QR code, or what to do. `columns`: of the terminal, if it is one. */
export function phoneLines(phone: PhoneAddress | undefined, columns: number | undefined): string[] {
  if (phone === undefined) return ['  On your phone:    npm start -- --lan'];
  const { url, kind, secure } = phone;
  const code = columns === undefined ? [] : (qrRows(phone.loginUrl, columns - 4) ?? []);
  const scan = code.length === 0 ? `Open ${phone.loginUrl}` : 'Scan this code to sign in (it works once)';
  const warnings = secure ? [] : plainHttpLines(kind === 'vpn');
  return [
    `  On your phone:    ${url}`,
    `                    ${scan}`,
    ...(code.length === 0 ? [] : ['', ...code.map((row) => `  ${paintedQrRow(row)}`), '']),
    ...(kind === 'lan' ? ['  Warning:          Everyone in this network can open the sign-in page.'] : []),
    ...warnings,
  ];
}

const plainHttpLines = (isEncrypted: boolean): string[] => [
  ...(isEncrypted
    ? []
    : ['  Warning:          Without https others in the network can read what is sent. Use it in one that you trust.']),
  '  Without https:    Browsers allow no notifications, no copy buttons and no installing.',
  '  To have https:    `tailscale serve`, Caddy, or --tls-cert and --tls-key: docs/guides/phone.md',
];
