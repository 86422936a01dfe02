import type { HostLogin } from '@pizzapi/protocol';
import { hostPermissions } from './permissions.js';
import { accountOf, ACCOUNTS, CROSSINGS, type Account } from './accounts.js';
import { AUDITOR, READ_LOGS, READ_STATE, SERVICE_ROLES, SERVICES, type Permissions } from './roles.js';

/** How the table names what stands for any id, and the subjects that all readers have. */
const RID = 'RID';
const SID = 'SID';
const READING = [
  { name: 'reading of the logs', subjects: READ_LOGS },
  { name: 'reading of the state', subjects: READ_STATE },
];

/**
 * What each credential may do on the backbone, as the Markdown table of PROTOCOL.md's chapter on security, made from
 * what is granted. `<rid>` and `<sid>` are the ids of the credential's own runner and session.
 */
export function permissionsTable(): string {
  const host = (login: HostLogin, kept: string[] = []): Permissions => hostPermissions(login, { kept });
  const rows = [
    row('daemon (`runner.<rid>`)', 'hosts', host({ kind: 'runner', rid: RID })),
    row(
      'daemon, for its sessions without a worker (`keeper.<rid>`)',
      'hosts',
      host({ kind: 'keeper', rid: RID }, [SID]),
    ),
    row('worker (`session.<sid>`)', 'hosts', host({ kind: 'session', sid: SID })),
    ...SERVICE_ROLES.flatMap((role) => [
      row(role, accountOf(role), SERVICES[role].log),
      row(`${role}, for the state`, role === 'admin' ? 'state' : role, SERVICES[role].state),
    ]),
    row('auditor', 'auditor', AUDITOR),
  ];
  return ['| login | account | publishes | subscribes, in addition to its inbox |', '|---|---|---|---|', ...rows].join(
    '\n',
  );
}

function row(who: string, account: Account, { publish, subscribe, answers = false }: Permissions): string {
  const reads = READING.filter(({ subjects }) => subjects.every((subject) => publish.includes(subject)));
  const own = publish.filter((subject) => !reads.some(({ subjects }) => subjects.includes(subject)));
  const published = [...reads.map(({ name }) => name), ...own.map(code), ...(answers ? ['answers'] : [])];
  const heard = subscribe.filter((subject) => !subject.startsWith('_INBOX_')).map(code);
  return `| ${who} | \`${ACCOUNTS[account]}\` | ${published.join(', ')} | ${heard.join(', ')} |`;
}

const code = (subject: string): string => `\`${subject.replaceAll(RID, '<rid>').replaceAll(SID, '<sid>')}\``;

/** What crosses from one account to another, as the Markdown table of PROTOCOL.md. */
export function crossingsTable(): string {
  const names = (accounts: readonly Account[]): string => accounts.map((each) => `\`${ACCOUNTS[each]}\``).join(', ');
  const rows = CROSSINGS.map(({ kind, subject, from, to, as, answers }) => {
    const how = kind === 'stream' ? 'stream' : answers === 'many' ? 'service, many answers' : 'service';
    return `| ${code(subject)} | ${names([from])} | ${names(to)} | ${how} | ${as === undefined ? '' : code(as)} |`;
  });
  return ['| subject | from | to | by | name in the other account |', '|---|---|---|---|---|', ...rows].join('\n');
}
