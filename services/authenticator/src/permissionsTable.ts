import type { HostLogin } from '@pizzapi/protocol';
import { hostPermissions } from './permissions.js';
import { AUDITOR, READ, SERVICE_ROLES, SERVICES, SYSTEM, type Permissions } from './roles.js';

/** How the table names what stands for any id, and the subjects that all readers have. */
const RID = 'RID';
const SID = 'SID';
const READING = 'reading of streams';

/**
 * What each credential may do on the backbone, as the Markdown table of PROTOCOL.md's chapter on security, made from
 * what is granted. `<rid>` and `<sid>` are the ids of the credential's own runner and session.
 */
export function permissionsTable(): string {
  const host = (login: HostLogin, kept: string[] = []): Permissions => hostPermissions(login, kept);
  const rows = [
    row('daemon (`runner.<rid>`)', 'logs', host({ kind: 'runner', rid: RID })),
    row(
      'daemon, for its sessions without a worker (`keeper.<rid>`)',
      'logs',
      host({ kind: 'keeper', rid: RID }, [SID]),
    ),
    row('worker (`session.<sid>`)', 'logs', host({ kind: 'session', sid: SID })),
    ...SERVICE_ROLES.flatMap((role) => [
      row(role, 'logs', SERVICES[role].log),
      row(role, 'state', SERVICES[role].state),
    ]),
    row('authenticator', 'system', SYSTEM),
    row('auditor', 'logs', AUDITOR),
  ];
  return ['| who | account | publishes | hears, beside its own inbox |', '|---|---|---|---|', ...rows].join('\n');
}

function row(who: string, account: string, { publish, subscribe, answers = false }: Permissions): string {
  const reads = READ.every((subject) => publish.includes(subject));
  const own = publish.filter((subject) => !reads || !READ.includes(subject as (typeof READ)[number]));
  const published = [...(reads ? [READING] : []), ...own.map(code), ...(answers ? ['answers'] : [])];
  const heard = subscribe.filter((subject) => !subject.startsWith('_INBOX_')).map(code);
  return `| ${who} | ${account} | ${published.join(', ')} | ${heard.join(', ')} |`;
}

const code = (subject: string): string => `\`${subject.replaceAll(RID, '<rid>').replaceAll(SID, '<sid>')}\``;
