import type { MethodReply } from '@pizzapi/protocol';

/** The text of a file, and what is needed to write it back byte for byte. Pure. */

export type FileEncoding = NonNullable<MethodReply<'read_file'>['encoding']>;

export interface DecodedFile {
  text: string;
  encoding: FileEncoding;
  mark: boolean;
  /** How its lines end. A file with both ends is kept as it is: then a carriage return is a character like others. */
  lineEnd: '\n' | '\r\n';
}

export function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

export function decodeFile(bytes: Uint8Array<ArrayBuffer>, encoding: FileEncoding, mark: boolean): DecodedFile {
  // The decoder takes the mark away.
  const text = new TextDecoder(encoding).decode(bytes);
  const both = text.includes('\r\n') ? text.replaceAll('\r\n', '').includes('\n') : true;
  return { text, encoding, mark, lineEnd: both ? '\n' : '\r\n' };
}

/** The characters of windows-1252 between 0x80 and 0x9f. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** The bytes of a text, or the first character that the encoding does not have. */
export function encodeFile(
  text: string,
  { encoding, mark }: Pick<DecodedFile, 'encoding' | 'mark'>,
): { kind: 'bytes'; bytes: Uint8Array<ArrayBuffer> } | { kind: 'impossible'; character: string } {
  const whole = mark && encoding !== 'windows-1252' ? `\ufeff${text}` : text;
  if (encoding === 'utf-8') return { kind: 'bytes', bytes: new TextEncoder().encode(whole) };
  if (encoding !== 'windows-1252') {
    const bytes = new Uint8Array(whole.length * 2);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < whole.length; at++) view.setUint16(at * 2, whole.charCodeAt(at), encoding === 'utf-16le');
    return { kind: 'bytes', bytes };
  }
  const bytes: number[] = [];
  for (const character of whole) {
    const code = character.codePointAt(0) ?? 0;
    const high = WINDOWS_1252.indexOf(character);
    if (high >= 0) bytes.push(0x80 + high);
    else if (code < 0x80 || (code >= 0xa0 && code <= 0xff)) bytes.push(code);
    else return { kind: 'impossible', character };
  }
  return { kind: 'bytes', bytes: Uint8Array.from(bytes) };
}
