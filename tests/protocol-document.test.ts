import { crossingsTable, permissionsTable } from '@pizzapi/authenticator';
import { CLOSE_CODES, ERRORS, SESSION_EVENT_TYPES, COMMAND_NAMES } from '@pizzapi/protocol';
import { WIRE_HISTORY } from '../schemas/protocol/src/wireVersion.js';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditTable, limitsTable, runnerRequestsTable } from './security/support/tables.js';
import { cells, documentAt, table } from './support/document.js';

/** The generated tables of the document. */
const TABLES: Record<string, string> = {
  errors: table(
    ['code', 'status', 'what to do'],
    Object.entries(ERRORS).map(([code, { status, hint }]) => [
      `\`${code}\``,
      String(status),
      hint.replaceAll('|', '\\|'),
    ]),
  ),
  'close-codes': table(
    ['code', 'meaning', 'reconnect'],
    Object.values(CLOSE_CODES).map(({ code, meaning, reconnect }) => [String(code), meaning, reconnect ? 'yes' : 'no']),
  ),
  'nats-permissions': permissionsTable(),
  'nats-crossings': crossingsTable(),
  'runner-requests': runnerRequestsTable(),
  audit: auditTable(),
  limits: limitsTable(),
  history: table(
    ['version', 'hash of the schemas', 'what'],
    WIRE_HISTORY.map(({ version, hash, what }) => [String(version), `\`${hash}\``, what]),
  ),
};

const PAGES = [
  ...readdirSync(new URL('../docs/protocol/', import.meta.url))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/protocol/${file}`),
  'docs/reference/errors.md',
  'docs/reference/limits.md',
];
const { text, part } = documentAt(PAGES.map(urlOf), TABLES);

function urlOf(file: string): URL {
  return new URL(`../${file}`, import.meta.url);
}

/** The rules of a page: each from its number to the next line that is not indented. */
const RULES = [...text.matchAll(/^- \*\*([A-Z]\d+)\*\* (.*(?:\n(?:[ \t].*)?)*)/gm)].map(([, number, rule]) => ({
  number: number!,
  rule: rule!.replace(/\s+/g, ' '),
}));

describe('the protocol document', () => {
  it.each(Object.entries(TABLES))('the table of %s equals the table in the code', (name, rows) => {
    expect(part(name)).toBe(cells(rows));
  });

  it('every rule of the protocol names a test that exists', () => {
    expect(RULES.length).toBeGreaterThan(120);
    for (const { number, rule } of RULES) {
      const named = [...rule.matchAll(/`([^`›]+\.test\.ts) › ([^`]+)`/g)];
      expect(named.length, `a test for ${number}: ${rule}`).toBeGreaterThan(0);
      for (const [, file, name] of named) {
        const source = readFileSync(urlOf(file!), 'utf8');
        expect(source.includes(name!), `${file!} › ${name!}`).toBe(true);
      }
    }
  });

  it('every rule number is unique', () => {
    const numbers = RULES.map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('the protocol names every event and every command', () => {
    for (const name of [...SESSION_EVENT_TYPES, ...COMMAND_NAMES]) expect(text, name).toContain(`\`${name}\``);
  });

  it.each(['PROTOCOL.md', 'docs/protocol/index.md'])('%s links to every page of the protocol', (file) => {
    const targets = linksOf(file).map(({ target }) => target);
    expect(targets).toEqual(expect.arrayContaining(PAGES.filter((page) => page !== file)));
  });

  it('the protocol names only source files that exist', () => {
    for (const [, file] of text.matchAll(/`((?:\w[\w.-]*\/)+[\w.-]+\.ts)`/g))
      expect(existsSync(urlOf(file!)), file).toBe(true);
  });

  it.each(['PROTOCOL.md', ...PAGES])('every link in %s leads to a file and a heading that exist', (file) => {
    for (const { target, anchor } of linksOf(file)) {
      expect(existsSync(urlOf(target)), target).toBe(true);
      if (anchor !== '') expect(anchorsOf(target), target).toContain(anchor);
    }
  });
});

/** Returns the relative links of a page: the path of the file from the root of the project, and the heading, if any. */
function linksOf(file: string): { target: string; anchor: string }[] {
  const links = readFileSync(urlOf(file), 'utf8').matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
  return [...links].map(([, path, anchor]) => ({
    target: path === '' ? file : posix.join(posix.dirname(file), path!),
    anchor: anchor ?? '',
  }));
}

/** Returns the anchors that GitHub gives the headings of a page. */
function anchorsOf(file: string): string[] {
  const headings = readFileSync(urlOf(file), 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
