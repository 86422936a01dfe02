import { describe, expect, it } from 'vitest';
import { CROSSINGS, type Account } from './accounts.js';
import { hostPermissions } from './permissions.js';
import { AUDITOR, SERVICES, type Permissions } from './roles.js';

/** Whether every subject that `inner` matches is one that `outer` matches. */
function covers(outer: string, inner: string): boolean {
  const [wide, narrow] = [outer.split('.'), inner.split('.')];
  const fits = wide.every(
    (word, at) => word === '>' || (narrow[at] !== undefined && (word === '*' || word === narrow[at])),
  );
  return fits && (wide.at(-1) === '>' ? narrow.length >= wide.length : narrow.length === wide.length);
}

const imported = (account: Account, kind: 'service' | 'stream'): string[] =>
  CROSSINGS.filter((crossing) => crossing.kind === kind && crossing.to.includes(account)).map(
    ({ as, subject }) => as ?? subject,
  );
const offered = (account: Account): string[] =>
  CROSSINGS.filter(({ from }) => from === account).map(({ subject }) => subject);

const host = hostPermissions({ kind: 'keeper', rid: 'r' }, { kept: ['s'] });
const runner = hostPermissions({ kind: 'runner', rid: 'r' });
const logins: [name: string, account: Account, permissions: Permissions][] = [
  ['a runner', 'hosts', runner],
  ['a keeper', 'hosts', host],
  ['the auditor', 'auditor', AUDITOR],
  ...(['gateway', 'projector', 'authenticator'] as const).flatMap((role) => [
    [role, role, SERVICES[role].log] as [string, Account, Permissions],
    [`${role}, for the state`, role, SERVICES[role].state] as [string, Account, Permissions],
  ]),
];

/** What gateways say to each other stays in their account. */
const INSIDE: Partial<Record<Account, string>> = { gateway: 'gateway.>' };

describe('what crosses between accounts', () => {
  it.each(logins)('carries all that the login of %s may publish', (_name, account, { publish }) => {
    const ways = [...imported(account, 'service'), ...offered(account)];
    expect(
      publish.filter((subject) => subject !== INSIDE[account] && !ways.some((way) => covers(way, subject))),
    ).toEqual([]);
  });

  it.each(logins)('brings all that the login of %s may subscribe to', (_name, account, { subscribe }) => {
    // The server asks the authenticator in its account; replies arrive where they were asked for.
    const ways = [...imported(account, 'stream'), ...offered(account), '$SYS.REQ.USER.AUTH', 'audit.>', 'live.>'];
    const own = subscribe.filter((subject) => !subject.startsWith('_INBOX') && subject !== INSIDE[account]);
    expect(own.filter((subject) => !ways.some((way) => covers(way, subject)))).toEqual([]);
  });

  it('gives no host, and no auditor, a call that changes a stream or makes a consumer', () => {
    for (const account of ['hosts', 'auditor'] as const) {
      const calls = imported(account, 'service').filter((subject) => /API/.test(subject));
      expect(calls.filter((call) => /CREATE|UPDATE|DELETE|PURGE|RESTORE|SNAPSHOT|NEXT/.test(call))).toEqual([]);
    }
    expect(imported('hosts', 'service').filter((subject) => subject.startsWith('$JS'))).toEqual([]);
  });
});
