/**
 * Questions that a program asks of its terminal: what it is, where the cursor is, which colours and modes it has. The answer of
 * a terminal is typed into the shell.
 */
const QUERIES = new RegExp(
  [
    // Device attributes and reports of status: CSI c, CSI > c, CSI 6 n, CSI ? 996 n, CSI 18 t.
    '\\x1b\\[[>=?]?[0-9;]*[cn]',
    '\\x1b\\[(?:1[1-9]|2[01])t',
    // The state of a mode, and the keyboard protocol of kitty.
    '\\x1b\\[\\??[0-9;]*\\$p',
    '\\x1b\\[\\?u',
    '\\x1b\\[>[0-9;]*q',
    // Colours and the clipboard: OSC 10 ; ? ST.
    '\\x1b\\][0-9;]*[^\\x07\\x1b]*\\?(?:\\x07|\\x1b\\\\)',
    // Settings and capabilities: DCS $ q, DCS + q.
    '\\x1bP[$+]q[^\\x1b]*\\x1b\\\\',
    '\\x05',
  ].join('|'),
  'g',
);

/** Output of earlier without its questions: they were answered when they were asked. */
export function withoutQueries(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(0x1b) && !bytes.includes(0x05)) return bytes;
  return Buffer.from(Buffer.from(bytes).toString('latin1').replace(QUERIES, ''), 'latin1');
}
