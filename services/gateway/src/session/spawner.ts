import { storageFull, tail, type Backbone, type BlobStore } from '@pizzapi/backbone';
import { packageVersion, type Tracing } from '@pizzapi/process';
import {
  commandProblem,
  errorInfo,
  isErrorCode,
  isId,
  modelText,
  rightsOf,
  spokenVersion,
  versionsApartText,
  type ErrorInfo,
  type NewSessionBody,
  type NewSessionReply,
  type RunnerInfo,
  type TraceContext,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import { unknownRunner, type Access } from './access.js';
import type { RunnerReplies, RunnerCommandResult } from './runnerReplies.js';
import { keepAttachments, storeAttachments } from './attachments.js';
import type { CommandSender } from './commandSender.js';
import type { Directory } from './directory.js';
import type { SpawnAnnouncements } from './spawnAnnouncements.js';
import { keyProblem, type IdempotentIds } from './keys.js';
import type { Storage } from './storage.js';

const VERSION = packageVersion(import.meta.url);

export type SpawnOutcome =
  /** Its first event is in the log. */
  | { kind: 'started'; reply: NewSessionReply }
  /** The runner is there and has not answered yet. */
  | { kind: 'accepted'; reply: NewSessionReply }
  | { kind: 'failed'; error: ErrorInfo; retryAfterS?: number };

export interface SpawnerOptions {
  b: Backbone;
  directory: Directory;
  access: Access;
  spawns: SpawnAnnouncements;
  blobs: BlobStore;
  storage: Storage;
  commandSender: CommandSender;
  replies: RunnerReplies;
  ids: IdempotentIds;
  tracing: Tracing;
  /** The address people open, without a slash at its end. */
  publicUrl: () => string;
  /** How long a runner may take, in ms. */
  waitMs: number;
}

const failed = (error: ErrorInfo): SpawnOutcome => ({ kind: 'failed', error });

/** Returns the options of pi with the modes in which a session is to begin. */
function withModes({ pi, approvals, planMode, goal }: NewSessionBody): NewSessionBody['pi'] {
  const modes = { ...(approvals === undefined ? {} : { mode: approvals }), ...(planMode === true ? { planMode } : {}) };
  const limits = Object.keys(modes).length === 0 ? {} : { approvals: { ...pi?.approvals, ...modes } };
  const all = { ...pi, ...limits, ...(goal === undefined ? {} : { goal }) };
  return Object.keys(all).length === 0 ? pi : all;
}

/** Starts sessions: asks a runner and waits for the session's first event, the runner's refusal, or the end of patience. */
export class Spawner {
  constructor(private readonly options: SpawnerOptions) {}

  /** The span of a start ends when the session has begun, or is refused. */
  async spawn(principal: Principal, body: NewSessionBody, key?: string, parent?: TraceContext): Promise<SpawnOutcome> {
    const span = this.options.tracing.start('command new_session', { parent, kind: 'server' });
    let code: string | undefined = 'internal';
    try {
      const outcome = await this.begin(principal, body, key, span.context);
      code = outcome.kind === 'failed' ? outcome.error.code : undefined;
      return outcome;
    } finally {
      span.end(code);
    }
  }

  private async begin(
    principal: Principal,
    body: NewSessionBody,
    key: string | undefined,
    trace: TraceContext,
  ): Promise<SpawnOutcome> {
    const wrong = keyProblem(key);
    if (wrong !== undefined) return failed(wrong);
    const tooFast = await this.options.commandSender.countAction(
      principal,
      Buffer.byteLength(body.prompt ?? body.goal?.description ?? ''),
    );
    if (tooFast !== undefined) return { ...tooFast, kind: 'failed' };
    const runner = this.chooseRunner(principal, body);
    if (runner.kind === 'refused') return failed(runner.error);
    const { blobs, ids, storage } = this.options;
    const sid = ids.idFor('s', principal, key);
    const place = { userId: principal.userId, sid };
    const model = body.model === undefined ? undefined : modelText(body.model);
    const { cwd, name, thinkingLevel, resumedFrom, salvage, goal, worktree } = body;
    const withoutGit = worktree === undefined ? undefined : this.gitProblem(runner.rid);
    if (withoutGit !== undefined) return failed(withoutGit);
    const prompt = body.prompt ?? goal?.description;
    const pi = withModes(body);
    const shortage = await storage.inputShortage(place, prompt ?? '');
    if (shortage !== undefined) return failed(storageFull(shortage));
    const stored = await storeAttachments(blobs, place, body.attachments);
    if (stored.kind === 'refused') return failed(stored.error);
    const { attachments } = stored;
    const args = {
      sessionId: sid,
      cwd,
      prompt,
      model,
      name,
      thinkingLevel,
      resumedFrom,
      salvage,
      pi,
      worktree,
      attachments: attachments.length === 0 ? undefined : attachments,
    };
    const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
    const problem = commandProblem('new_session', given);
    if (problem !== undefined) return failed(problem);
    const gone = await keepAttachments(blobs, place, attachments);
    if (gone !== undefined) return failed(gone);
    return this.ask(principal, runner.rid, sid, given, { commandId: ids.idFor('c', principal, key), trace });
  }

  private async ask(
    principal: Principal,
    rid: string,
    sid: string,
    args: object,
    { commandId, trace }: { commandId: string; trace: TraceContext },
  ): Promise<SpawnOutcome> {
    const { b, directory, spawns, commandSender, replies: answers, waitMs } = this.options;
    const reply = { sessionId: sid, runnerId: rid, shareUrl: `${this.options.publicUrl()}/s/${sid}` };
    const cleanups: (() => void)[] = [];
    let over = false;
    const following = (stop: () => void) => (over ? stop() : void cleanups.push(stop));
    try {
      const answered = new Promise<SpawnOutcome>((resolve) => {
        const begun = () => resolve({ kind: 'started', reply });
        cleanups.push(answers.expect(commandId, (answer) => (answer.ok ? begun() : resolve(failed(refusal(answer))))));
        cleanups.push(
          directory.on((change) => {
            if (change.kind === 'lease' && !directory.isOnline(rid)) resolve(failed(gone(rid)));
          }),
        );
        const timer = setTimeout(
          () => resolve(directory.isOnline(rid) ? { kind: 'accepted', reply } : failed(gone(rid))),
          waitMs,
        );
        cleanups.push(() => clearTimeout(timer));
        void tail(b, sid, { after: 0, onEvents: begun }).then((running) => following(() => void running.stop()));
      });
      const sent = await commandSender.send({ rid, principal, name: 'new_session', args, commandId, trace });
      if (sent.kind === 'refused') return failed(sent.error);
      // The same key may have started it before.
      await directory.loadOwner(sid);
      if (directory.userOf(sid) === undefined) spawns.add(sid, { userId: principal.userId, runnerId: rid });
      const outcome = await answered;
      if (outcome.kind === 'failed') spawns.remove(sid);
      return outcome;
    } finally {
      over = true;
      for (const cleanup of cleanups.splice(0)) cleanup();
    }
  }

  private allowsSessions(rid: string): boolean {
    return rightsOf(this.options.directory.runner(rid)?.allow).includes('sessions');
  }

  /** A runner that makes no work trees would start the session in the folder of the person. */
  private gitProblem(rid: string): ErrorInfo | undefined {
    const runner = this.options.directory.runner(rid);
    return runner?.git === undefined
      ? errorInfo('git_missing', `The runner "${runner?.name ?? rid}" has no git, or is of an earlier version`)
      : undefined;
  }

  private chooseRunner(
    principal: Principal,
    body: NewSessionBody,
  ): { kind: 'chosen'; rid: string } | { kind: 'refused'; error: ErrorInfo } {
    const { directory, access } = this.options;
    const refused = (error: ErrorInfo) => ({ kind: 'refused' as const, error });
    const rid = body.runnerId ?? body.runner_id;
    if (rid === undefined) {
      const own = directory.listRunners(principal.userId);
      const online = own.filter((runner) => runner.online === true && runner.kind === 'daemon');
      const [only] = online;
      if (only === undefined) return refused(errorInfo('runner_not_found', 'No runner is online'));
      const apart = online.length === 1 ? versionProblem(only) : undefined;
      if (apart !== undefined) return refused(apart);
      if (online.length === 1 && !this.allowsSessions(only.runnerId)) return refused(noSessions(only.runnerId));
      if (online.length === 1) return { kind: 'chosen', rid: only.runnerId };
      return refused(errorInfo('bad_request', `Several runners are online; name one as runnerId`));
    }
    if (!isId(rid)) return refused(errorInfo('invalid_id', `"${rid.slice(0, 80)}" is not an id`));
    if (!access.mayUseRunner(principal, rid)) return refused(unknownRunner(rid));
    if (!this.allowsSessions(rid)) return refused(noSessions(rid));
    if (directory.runner(rid)?.kind === 'tui') {
      return refused(errorInfo('runner_is_a_terminal', `"${rid}" is a terminal`));
    }
    const apart = versionProblem(directory.runner(rid));
    if (apart !== undefined) return refused(apart);
    if (directory.isOnline(rid)) return { kind: 'chosen', rid };
    return refused(errorInfo('host_lost', `The runner "${rid}" is offline`));
  }
}

const noSessions = (rid: string): ErrorInfo =>
  errorInfo('right_missing', `The token of the runner "${rid}" does not allow sessions`);

/** Why sessions cannot be started on a runner of another wire. */
function versionProblem(runner: RunnerInfo | undefined): ErrorInfo | undefined {
  const apart = runner && versionsApartText(runner, spokenVersion(VERSION), undefined);
  return apart === undefined || apart.works ? undefined : errorInfo('wire_mismatch', `${apart.text}. ${apart.todo}`);
}

function refusal({ error }: RunnerCommandResult): ErrorInfo {
  if (error === undefined) return errorInfo('runner_failed');
  return isErrorCode(error.code)
    ? { code: error.code, message: error.message }
    : errorInfo('runner_failed', error.message);
}

function gone(rid: string): ErrorInfo {
  return errorInfo('runner_timeout', `The runner "${rid}" disconnected before it answered`);
}
