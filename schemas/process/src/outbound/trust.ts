import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { CodedError } from '@pizzapi/protocol';
import { OPTIONS } from '../catalog.js';
import { readOptions } from '../options.js';

/** The certificate authorities that connections of this machine trust. */
export interface Trust {
  /** The file that `PIZZAPI_CA` names. */
  file: string;
  /** In PEM: the authorities of the file, and those that Node trusts. */
  ca: string[];
  /** The same as a context that is made once: it takes some milliseconds to read all authorities. */
  secureContext: SecureContext;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const read = new Map<string, Trust>();

/**
 * Returns the authorities that are trusted where `PIZZAPI_CA` names a file; undefined where Node's own are used. A file is
 * read once in a process. Throws `bad_option` for a file that cannot be read or has no certificate.
 */
export function trustOf(env: NodeJS.ProcessEnv = process.env): Trust | undefined {
  const { ca: file } = readOptions({ ca: OPTIONS.ca }, {}, env);
  if (file === undefined) return undefined;
  const known = read.get(file);
  if (known !== undefined) return known;
  const extra = env['NODE_EXTRA_CA_CERTS'];
  const ca = [
    ...rootCertificates,
    ...(extra === undefined || extra === '' ? [] : readable(extra)),
    ...certificatesOf(file),
  ];
  const trust = { file, ca, secureContext: createSecureContext({ ca }) };
  read.set(file, trust);
  return trust;
}

function certificatesOf(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new CodedError('bad_option', `PIZZAPI_CA names ${file}, which cannot be read (${code})`, { cause });
  }
  const found = text.match(CERTIFICATE) ?? [];
  try {
    for (const pem of found) new X509Certificate(pem);
  } catch (cause) {
    throw new CodedError('bad_option', `PIZZAPI_CA names ${file}, which has a damaged certificate`, { cause });
  }
  if (found.length > 0) return found;
  throw new CodedError('bad_option', `PIZZAPI_CA names ${file}, which has no certificate in PEM`);
}

/** Node itself warns of a file that it cannot read. */
function readable(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').match(CERTIFICATE) ?? [];
  } catch {
    return [];
  }
}
