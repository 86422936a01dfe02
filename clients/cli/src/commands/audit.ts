import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, isId } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { auditLine, type PrintedAuditRow } from '../auditLine.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { EXIT, Failure, interruptible, jsonLine, line, type Io } from '../io.js';

interface AuditFlags extends Record<string, unknown> {
  kind?: string;
  limit: string;
  follow?: true;
  json?: true;
}

/** Maximum number of rows in one reply of the API. */
const PAGE = 500;
/** Maximum number of rows that one command prints. */
const MAX_ROWS = 10_000;
const FOLLOW_MS = 2_000;

export function addAudit(program: Command, { io }: CliContext): void {
  addOptions(program.command('audit'), GATEWAY_OPTIONS)
    .description('Print the audit log, newest last (admins only)')
    .option('--kind <kind>', 'Only entries of this kind: login, login_failed, share_created, join, input, refused, …')
    .option('--limit <n>', `Number of entries, at most ${MAX_ROWS}`, '50')
    .option('--follow', 'Keep printing new entries')
    .option('--json', 'Print one line of JSON for each entry')
    .addHelpText(
      'after',
      examples(
        'pizzapi audit',
        'pizzapi audit --kind login_failed --limit 200',
        'pizzapi audit --follow --json | jq .',
      ),
    )
    .action(async (flags: AuditFlags) => {
      const { kind, follow, json } = flags;
      if (kind !== undefined && !isId(kind))
        throw usage(`--kind is "${kind.slice(0, 40)}", but takes a word such as login`);
      const limit = /^\d{1,5}$/.test(flags.limit) ? Number(flags.limit) : 0;
      if (limit < 1 || limit > MAX_ROWS)
        throw usage(`--limit is "${flags.limit.slice(0, 40)}", but takes 1 to ${MAX_ROWS}`);
      const reader = new AuditReader(gatewayOf(flags, io), kind);
      const print = (rows: readonly PrintedAuditRow[]) => {
        for (const row of rows) line(io.stdout, json === true ? jsonLine(row) : auditLine(row, io));
      };
      print(await reader.last(limit));
      if (follow === true) await interruptible(io, (signal) => followAuditLog(io, reader, print, signal));
    });
}

async function followAuditLog(
  io: Io,
  reader: AuditReader,
  print: (rows: readonly PrintedAuditRow[]) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await io.sleep(FOLLOW_MS, signal);
    if (signal.aborted) return;
    print(await reader.since());
  }
}

/** Reads the audit log backwards from its end, for one kind or for all kinds. */
class AuditReader {
  /** Offset of the newest row that was read. */
  #newestSeq = 0;

  constructor(
    private readonly gateway: GatewayAccess,
    private readonly kind: string | undefined,
  ) {}

  /** Returns the last rows, newest last. */
  last(limit: number): Promise<PrintedAuditRow[]> {
    return this.#read(limit, 0);
  }

  /** Returns the rows after the newest row that was read, newest last. */
  since(): Promise<PrintedAuditRow[]> {
    return this.#read(MAX_ROWS, this.#newestSeq);
  }

  async #read(limit: number, after: number): Promise<PrintedAuditRow[]> {
    const rows: PrintedAuditRow[] = [];
    let before: number | undefined;
    do {
      const query = {
        limit: Math.min(PAGE, limit - rows.length),
        ...this.#filter,
        ...(before === undefined ? {} : { before }),
      };
      const page = await unwrapResult(this.gateway, this.gateway.api.audit(query));
      const fresh = page.rows.filter(({ seq }) => seq > after);
      rows.push(...fresh);
      before = fresh.length < page.rows.length ? undefined : page.next;
    } while (before !== undefined && rows.length < limit);
    this.#newestSeq = Math.max(this.#newestSeq, rows[0]?.seq ?? 0);
    return rows.reverse();
  }

  get #filter(): { kind?: string } {
    return this.kind === undefined ? {} : { kind: this.kind };
  }
}

function usage(what: string): Failure {
  return new Failure(errorInfo('bad_option', what), EXIT.usage);
}
