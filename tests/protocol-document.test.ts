import { crossingsTable, permissionsTable } from '@pizzapi/authenticator';
import { CLOSE_CODES, ERRORS, SESSION_EVENT_TYPES, COMMAND_NAMES } from '@pizzapi/protocol';
import { WIRE_HISTORY } from '../schemas/protocol/src/wireVersion.js';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { auditTable, limitsTable } from './security/support/tables.js';
import { cells, documentAt, table } from './support/document.js';

/** The tables of the document, from the code. */
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
  audit: auditTable(),
  limits: limitsTable(),
  history: table(
    ['version', 'hash of the schemas', 'what'],
    WIRE_HISTORY.map(({ version, hash, what }) => [String(version), `\`${hash}\``, what]),
  ),
};

const { text, part } = documentAt(new URL('../PROTOCOL.md', import.meta.url), TABLES);

describe('the protocol document', () => {
  it.each(Object.entries(TABLES))('has the table of %s as the code has it', (name, rows) => {
    expect(part(name)).toBe(cells(rows));
  });

  it('names a test for every rule, and that test is there', () => {
    const rules = text
      .split(/\n- \*\*(?=[A-Z]\d+\*\*)/)
      .slice(1)
      .map((rule) => rule.split(/\n\n/)[0]!.replace(/\s+/g, ' '));
    expect(rules.length).toBeGreaterThan(20);
    for (const rule of rules) {
      const named = [...rule.matchAll(/`([^`›]+\.test\.ts) › ([^`]+)`/g)];
      expect(named.length, `a test for ${rule}`).toBeGreaterThan(0);
      for (const [, file, name] of named) {
        const source = readFileSync(new URL(`../${file!}`, import.meta.url), 'utf8');
        expect(source.includes(name!), `${file!} › ${name!}`).toBe(true);
      }
    }
  });

  it('has a rule number once only', () => {
    const numbers = [...text.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map(([, number]) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('names every event and every command', () => {
    for (const name of [...SESSION_EVENT_TYPES, ...COMMAND_NAMES]) expect(text, name).toContain(`\`${name}\``);
  });
});
