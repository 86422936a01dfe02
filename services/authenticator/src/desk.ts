import { claimSession, linkStateOf, serveRpc, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import {
  CodedError,
  decode,
  describeError,
  encode,
  isDeskRequest,
  type DeskRefusal,
  type DeskReplies,
  type DeskRequest,
  type DeskVerb,
  type ErrorCode,
  type LinkMode,
} from '@pizzapi/protocol';
import { askerOf, standingOf, type Standing } from './deskAsker.js';
import { DeskBlobs } from './deskBlobs.js';
import { hasResult, idsAfter, seqBefore } from './deskLog.js';
import type { Grants } from './grants.js';
import type { Meters } from './meters.js';
import type { Registry } from './registry.js';
import { QUEUE } from './tables.js';
import type { Trail } from './trail.js';

/** Questions that read a log or carry a blob, carried out at once by one authenticator; others are asked again. */
export const MAX_AT_WORK = 16;

export interface DeskDeps {
  b: Backbone;
  grants: Grants;
  registry: Registry;
  trail: Trail;
  meters: Meters;
  log: Logger;
}

type Reply = DeskReplies[DeskVerb] | DeskRefusal;

/** Does for hosts what their own connections may not, until the returned function is called. */
export function serveDesk(deps: DeskDeps): () => void {
  const desk = new Desk(deps);
  const answer = async (body: Uint8Array, subject: string): Promise<Uint8Array> =>
    encode(await desk.answer(subject, body));
  const stops = ['desk.runner.*', 'desk.session.*'].map((subject) =>
    serveRpc(deps.b, subject, answer, { queue: QUEUE }),
  );
  return () => stops.forEach((stop) => stop());
}

class Desk {
  private readonly blobs: DeskBlobs;
  private atWork = 0;

  constructor(private readonly deps: DeskDeps) {
    this.blobs = new DeskBlobs(deps.b);
  }

  async answer(subject: string, body: Uint8Array): Promise<Reply> {
    const { meters, log } = this.deps;
    const request = read(body);
    const verb = request?.verb ?? 'unknown';
    let reply: Reply;
    try {
      reply = request === undefined ? refuse('bad_request') : await this.handle(subject, request);
    } catch (error) {
      const code = error instanceof CodedError ? error.code : 'internal';
      log[code === 'internal' ? 'error' : 'warn']({ err: error, verb }, 'a question of a host failed');
      reply = refuse(code);
    }
    meters.questions.inc({ verb, outcome: reply.kind === 'refused' ? reply.code : 'answered' });
    return reply;
  }

  private async handle(subject: string, request: DeskRequest): Promise<Reply> {
    const asker = askerOf(subject);
    const standing = asker && (await standingOf(this.deps.b, asker, request.sid));
    if (standing === undefined) return refuse('session_not_found');
    if (request.verb === 'claim') return this.claim(standing);
    // Who does not have the session has no log of it to ask for.
    if (standing.fresh) return refuse('session_not_found');
    if (this.atWork >= MAX_AT_WORK) return refuse('unavailable', 'The authenticator has too much to do');
    this.atWork++;
    try {
      return await this.carryOut(standing, request);
    } finally {
      this.atWork--;
    }
  }

  private async carryOut({ userId, sid }: Standing, request: Exclude<DeskRequest, { verb: 'claim' }>): Promise<Reply> {
    const { b } = this.deps;
    switch (request.verb) {
      case 'has_result':
        return { kind: 'answer', found: await hasResult(b, sid, request.commandId) };
      case 'seq_before': {
        const seq = await seqBefore(b, sid, request.entryId);
        return { kind: 'answer', ...(seq === undefined ? {} : { seq }) };
      }
      case 'ids_after':
        return { kind: 'answer', ...(await idsAfter(b, sid, request.after)) };
      case 'put_blob': {
        const outcome = await this.blobs.put(userId, request);
        if (outcome.kind === 'answer') return outcome;
        return outcome.kind === 'invalid'
          ? refuse('bad_request', outcome.why)
          : refuse('blob_not_found', 'Parts of the blob are missing; send it again');
      }
      case 'get_blob':
        return (await this.blobs.get(userId, request)) ?? refuse('blob_not_found');
      case 'link_modes':
        return { kind: 'answer', modes: await this.linkModes(userId, request.links) };
    }
  }

  private linkModes(userId: string, links: readonly { shareId: string; sessionId: string }[]): Promise<LinkMode[]> {
    const modeOf = async (link: { shareId: string; sessionId: string }): Promise<LinkMode> => {
      const state = await linkStateOf(this.deps.b, link, userId, Date.now());
      return state.kind === 'alive' ? state.mode : state.why;
    };
    return Promise.all(links.map(modeOf));
  }

  /** Gives the session to the runner, with a new epoch. */
  private async claim({ userId, rid, sid }: Standing): Promise<Reply> {
    const { b, grants, meters, registry, trail } = this.deps;
    const outcome = await claimSession(b, { sid, userId, runnerId: rid });
    if (outcome.kind === 'refused') {
      const code = outcome.owner.userId === userId ? 'fenced' : 'session_not_found';
      meters.grants.inc({ outcome: code });
      return refuse(code);
    }
    const { epoch } = outcome;
    await registry.seen(epoch);
    meters.grants.inc({ outcome: 'granted' });
    trail('session_granted', { userId, runnerId: rid, sessionId: sid, epoch });
    return { kind: 'granted', epoch, userId, grant: grants.mint({ sid, rid, userId, epoch }) };
  }
}

function read(body: Uint8Array): DeskRequest | undefined {
  try {
    const value = decode(body);
    return isDeskRequest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refuse(code: ErrorCode, what?: string): DeskRefusal {
  return { kind: 'refused', code, message: describeError(code, what) };
}
