import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { CodedError } from '@pizzapi/protocol';

/** The files of a certificate and of its key, in PEM. */
export interface TlsFiles {
  cert: string;
  key: string;
}

export interface TlsMaterial {
  cert: Buffer;
  key: Buffer;
  /** The host names that the certificate is for, without those with a wildcard. */
  names: string[];
  /** Changes when a file was written again. */
  version: string;
}

/** Reads a certificate. Throws `bad_option` when a file cannot be read or is no certificate. */
export function readTls(files: TlsFiles): TlsMaterial {
  const [cert, key] = [read('--tls-cert', files.cert), read('--tls-key', files.key)];
  try {
    const names = (new X509Certificate(cert).subjectAltName ?? '')
      .split(', ')
      .filter((name) => name.startsWith('DNS:') && !name.includes('*'))
      .map((name) => name.slice('DNS:'.length).toLowerCase());
    return { cert, key, names, version: versionOf(files) };
  } catch (cause) {
    throw new CodedError('bad_option', `${files.cert} is not a certificate in PEM`, { cause });
  }
}

/** The version of the files as they are now; undefined when one of them cannot be read. */
export function versionOf({ cert, key }: TlsFiles): string {
  try {
    return [cert, key].map((file) => statSync(file).mtimeMs).join(' ');
  } catch {
    return '';
  }
}

function read(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new CodedError('bad_option', `${option} names ${file}, which cannot be read (${code})`, { cause });
  }
}
