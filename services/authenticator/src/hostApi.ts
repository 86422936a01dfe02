import {
  claimSession,
  lastStored,
  leaseAt,
  serveRpc,
  shareLinkStateOf,
  storageFull,
  storedCommandsAfter,
  type AuditWriter,
  type Backbone,
  type BlobStore,
  type StorageShortage,
} from '@pizzapi/backbone';
import { packageVersion, Semaphore, type Logger } from '@pizzapi/process';
import {
  CodedError,
  describeError,
  encode,
  formatBytes,
  rightsOf,
  isHostApiRequest,
  spokenVersion,
  tryDecode,
  type ErrorCode,
  type HostApiRefusal,
  type HostApiReplies,
  type HostApiRequest,
  type HostApiVerb,
  type LinkMode,
} from '@pizzapi/protocol';
import { rightsOfRunner } from './runnerRights.js';
import { callerOf, authorizeCaller, type AuthorizedCaller } from './hostApiCaller.js';
import { HostApiBlobs, MAX_BLOB_BYTES, type PutOutcome } from './hostApiBlobs.js';
import { hasResult, idsAfter, seqBefore } from './hostApiLogQueries.js';
import type { Erasures } from './erasures.js';
import type { Grants } from './grants.js';
import type { LogSizes } from './logSizes.js';
import type { AuthenticatorMetrics } from './metrics.js';
import type { ConnectionAuthorizer } from './connectionAuthorizer.js';
import { QUEUE_GROUP } from './queueGroup.js';

const VERSION = packageVersion(import.meta.url);
/** Concurrent requests of one authenticator that read a log or carry a blob. Further ones are refused as `unavailable`. */
export const MAX_AT_WORK = 16;

export interface HostApiDeps {
  b: Backbone;
  blobs: BlobStore;
  logSizes: Pick<LogSizes, 'ofAccount'>;
  grants: Grants;
  authorizer: ConnectionAuthorizer;
  erasures: Pick<Erasures, 'lookAgain'>;
  audit: AuditWriter<'session_granted'>;
  metrics: AuthenticatorMetrics;
  log: Logger;
}

type Reply = HostApiReplies[HostApiVerb] | HostApiRefusal;

/** Does for hosts what their own connections may not, until the returned function is called. */
export function serveHostApi(deps: HostApiDeps): () => void {
  const hostApi = new HostApi(deps);
  const answer = async (body: Uint8Array, subject: string): Promise<Uint8Array> =>
    encode(await hostApi.answer(subject, body));
  const stops = ['desk.runner.*', 'desk.session.*'].map((subject) =>
    serveRpc(deps.b, subject, answer, { queue: QUEUE_GROUP }),
  );
  return () => stops.forEach((stop) => stop());
}

class HostApi {
  private readonly blobs: HostApiBlobs;
  private readonly expensive = new Semaphore(MAX_AT_WORK, { maxWaiting: 0 });

  constructor(private readonly deps: HostApiDeps) {
    this.blobs = new HostApiBlobs(deps.b, deps.blobs);
  }

  async answer(subject: string, body: Uint8Array): Promise<Reply> {
    const { metrics, log } = this.deps;
    const request = read(body);
    const verb = request?.verb ?? 'unknown';
    let reply: Reply;
    try {
      reply = request === undefined ? refuse('bad_request') : await this.handle(subject, request);
    } catch (error) {
      const code = error instanceof CodedError ? error.code : 'internal';
      log[code === 'internal' ? 'error' : 'warn']({ err: error, verb }, 'host API request failed');
      reply = refuse(code);
    }
    metrics.questions.inc({ verb, outcome: reply.kind === 'refused' ? reply.code : 'answered' });
    return reply;
  }

  private async handle(subject: string, request: HostApiRequest): Promise<Reply> {
    const claimed = callerOf(subject);
    if (claimed?.kind === 'runner' && request.sid === undefined) return this.forRunner(claimed.rid, request);
    const caller = claimed && (await authorizeCaller(this.deps.b, claimed, request.sid));
    // Before all else: the answer must not depend on whose the session is, or whether there is one.
    if (claimed?.kind === 'runner' && caller?.isOwn !== true && !(await this.mayHostSessions(claimed.rid)))
      return refuse('right_missing', 'The token of this runner does not allow sessions');
    if (caller === undefined) return refuse('session_not_found');
    if (request.verb === 'claim') return this.claim(caller);
    // Who does not have the session has no log of it to ask for.
    if (caller.fresh) return refuse('session_not_found');
    return this.limited(() => this.carryOut(caller, request));
  }

  /** What a runner asks about itself. */
  private async forRunner(rid: string, request: HostApiRequest): Promise<Reply> {
    const { b } = this.deps;
    if (request.verb === 'read_lease') return { kind: 'answer', ...(await leaseAt(b, `runner.${rid}`)) };
    if (request.verb === 'relay') {
      const allow = await rightsOfRunner(b, rid);
      return { kind: 'answer', ...spokenVersion(VERSION), at: Date.now(), ...(allow === undefined ? {} : { allow }) };
    }
    if (request.verb !== 'commands_after') return refuse('session_not_found');
    return this.limited(async () => {
      const page = await storedCommandsAfter(b, rid, request.after);
      return page.kind === 'read' ? { ...page, kind: 'answer' } : refuse('unavailable');
    });
  }

  private async limited(work: () => Promise<Reply>): Promise<Reply> {
    const reply = this.expensive.tryRun(work);
    return reply ?? refuse('unavailable', 'The authenticator is overloaded');
  }

  private async carryOut(
    { userId, sid }: AuthorizedCaller,
    request: Exclude<HostApiRequest, { verb: 'claim' }>,
  ): Promise<Reply> {
    const { b } = this.deps;
    switch (request.verb) {
      case 'relay':
      case 'commands_after':
        return refuse('bad_request', 'Only a runner can ask this, not a session');
      case 'last_event': {
        const last = await lastStored(b, sid);
        return { kind: 'answer', ...(last === undefined ? {} : { last }) };
      }
      case 'read_lease':
        return { kind: 'answer', ...(await leaseAt(b, `session.${sid}`)) };
      case 'has_result':
        return { kind: 'answer', found: await hasResult(b, sid, request.commandId) };
      case 'seq_before': {
        const seq = await seqBefore(b, sid, request.entryId);
        return { kind: 'answer', ...(seq === undefined ? {} : { seq }) };
      }
      case 'ids_after':
        return { kind: 'answer', ...(await idsAfter(b, sid, request.after)) };
      case 'put_blob':
        return replyTo(await this.blobs.put({ userId, sid }, request));
      case 'get_blob':
        return (await this.blobs.get({ userId, sid }, request)) ?? refuse('blob_not_found');
      case 'link_modes':
        return { kind: 'answer', modes: await this.linkModes(userId, request.links) };
    }
  }

  /** Without the right, a runner keeps the sessions that it has, and gets no other one. */
  private async mayHostSessions(rid: string): Promise<boolean> {
    return rightsOf(await rightsOfRunner(this.deps.b, rid)).includes('sessions');
  }

  private linkModes(userId: string, links: readonly { shareId: string; sessionId: string }[]): Promise<LinkMode[]> {
    const modeOf = async (link: { shareId: string; sessionId: string }): Promise<LinkMode> => {
      const state = await shareLinkStateOf(this.deps.b, link, userId, Date.now());
      return state.kind === 'alive' ? state.mode : state.why;
    };
    return Promise.all(links.map(modeOf));
  }

  /** Gives the session to the runner, with a new epoch. */
  private async claim({ userId, rid, sid, fresh }: AuthorizedCaller): Promise<Reply> {
    const { b, grants, metrics, authorizer, audit } = this.deps;
    const shortage = fresh ? await this.shortageFor(userId, sid) : undefined;
    if (shortage !== undefined) {
      metrics.grants.inc({ outcome: 'storage_full' });
      return { kind: 'refused', ...storageFull(shortage) };
    }
    const outcome = await claimSession(b, { sid, userId, runnerId: rid });
    if (outcome.kind === 'refused') {
      if (outcome.owner.erasedAt !== undefined) {
        await this.deps.erasures.lookAgain(userId, sid);
        return erasedRefusal(sid, metrics);
      }
      const code = outcome.owner.userId === userId ? 'fenced' : 'session_not_found';
      metrics.grants.inc({ outcome: code });
      return refuse(code);
    }
    const { epoch } = outcome;
    await authorizer.seen(epoch);
    metrics.grants.inc({ outcome: 'granted' });
    audit('session_granted', { userId, runnerId: rid, sessionId: sid, epoch });
    return { kind: 'granted', epoch, userId, grant: grants.mint({ sid, rid, userId, epoch }) };
  }

  /** What is in the way of one more session of an account: it begins with an event at least. */
  private async shortageFor(userId: string, sid: string): Promise<StorageShortage | undefined> {
    const { blobs, logSizes } = this.deps;
    if (!blobs.usage.isLimited('account')) return blobs.usage.shortage({ userId, sid }, 1);
    return blobs.usage.shortage({ userId, sid }, 1, { account: await logSizes.ofAccount(userId) });
  }
}

/** Earlier hosts know the code: they drop the session as one of another account. */
function erasedRefusal(sid: string, metrics: AuthenticatorMetrics): HostApiRefusal {
  metrics.grants.inc({ outcome: 'erased' });
  const what = `The session ${sid} was erased. What its host had not sent yet is dropped`;
  return { kind: 'refused', code: 'session_not_found', message: what, erased: true };
}

function replyTo(outcome: PutOutcome): HostApiReplies['put_blob'] | HostApiRefusal {
  switch (outcome.kind) {
    case 'answer':
      return outcome;
    case 'invalid':
      return refuse('bad_request', outcome.why);
    case 'too_large':
      return refuse('body_too_large', `A file can have at most ${formatBytes(MAX_BLOB_BYTES)}`);
    case 'full':
      return { kind: 'refused', ...storageFull(outcome.shortage) };
    case 'busy':
      return refuse('unavailable', 'Too many uploads of this account are in progress');
    case 'parts_missing':
      return refuse('blob_not_found', 'Parts of the blob are missing; upload it again');
  }
}

function read(body: Uint8Array): HostApiRequest | undefined {
  const value = tryDecode(body);
  return isHostApiRequest(value) ? value : undefined;
}

function refuse(code: ErrorCode, what?: string): HostApiRefusal {
  return { kind: 'refused', code, message: describeError(code, what) };
}
