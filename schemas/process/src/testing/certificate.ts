import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** A certificate and its key. PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (...bytes: number[]): Buffer => der(0x06, Buffer.from(bytes));
const bits = (content: Uint8Array): Buffer => der(0x03, Buffer.from([0]), content);
const time = (ms: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14)}Z`));

const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const nameOf = (text: string): Buffer =>
  sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(text)))));
/** 127.0.0.1 and host names. */
const namesOf = (hosts: readonly string[]): Buffer =>
  sequence(der(0x87, Buffer.from([127, 0, 0, 1])), ...hosts.map((host) => der(0x82, Buffer.from(host))));
const extension = (id: Buffer, content: Buffer): Buffer => sequence(id, der(0x04, content));
const ALTERNATIVE_NAMES = oid(0x55, 0x1d, 0x11);
/** `cA` of the basic constraints is true. */
const IS_AUTHORITY = extension(oid(0x55, 0x1d, 0x13), sequence(der(0x01, Buffer.from([255]))));
const LOCAL_NAME = '127.0.0.1';

interface Signing {
  subject: string;
  issuer: string;
  extensions: Buffer;
  /** Of the subject. */
  publicKey: KeyObject;
  /** Of the issuer. */
  privateKey: KeyObject;
}

/** A certificate that is valid for a day (RFC 5280, as far as a TLS server in a test needs it). */
function issue({ subject, issuer, extensions, publicKey, privateKey }: Signing): string {
  const now = Date.now();
  const serial = randomBytes(8);
  serial[0]! &= 0x7f;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1]), serial),
    ECDSA_SHA256,
    nameOf(issuer),
    sequence(time(now - 3_600_000), time(now + 86_400_000)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extensions)),
  );
  const whole = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, privateKey)));
  const lines = whole.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject): string => String(key.export({ type: 'pkcs8', format: 'pem' }));

/** Makes a self-signed certificate of this machine's loopback address. */
export function makeCertificate(): Certificate {
  const { publicKey, privateKey } = newKeys();
  const extensions = extension(ALTERNATIVE_NAMES, namesOf(['localhost']));
  const cert = issue({ subject: LOCAL_NAME, issuer: LOCAL_NAME, extensions, publicKey, privateKey });
  return { cert, key: pemOf(privateKey) };
}

/** A certificate authority of a test. */
export interface Authority {
  /** Its own certificate, which clients are to trust. PEM. */
  cert: string;
  /** Makes a certificate of 127.0.0.1 and these host names. */
  issue(...hosts: string[]): Certificate;
}

export function makeAuthority(): Authority {
  const own = newKeys();
  const issuer = 'Authority of a test';
  return {
    cert: issue({ subject: issuer, issuer, extensions: IS_AUTHORITY, ...own }),
    issue: (...hosts) => {
      const { publicKey, privateKey } = newKeys();
      const extensions = extension(ALTERNATIVE_NAMES, namesOf(hosts));
      const cert = issue({ subject: LOCAL_NAME, issuer, extensions, publicKey, privateKey: own.privateKey });
      return { cert, key: pemOf(privateKey) };
    },
  };
}
