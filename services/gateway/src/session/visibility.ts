import { serveRpc, type Backbone } from '@pizzapi/backbone';
import { decode, encode, isAttentionQuestion, subjects } from '@pizzapi/protocol';

/** Somebody who says that they have a session before their eyes. */
export interface VisibleViewer {
  readonly userId: string;
  /** Whether their connection gives a sign of life now. */
  isThere(): Promise<boolean>;
}

interface VisibleSession {
  viewers: Set<VisibleViewer>;
  stop: () => void;
}

const SEEN = encode({ seen: true });

/**
 * Who looks at which session through this gateway. While somebody does, the gateway answers on `attention.<sid>` whether
 * a person sees it just now; everybody else's silence means no.
 */
export class SessionVisibility {
  private readonly sessions = new Map<string, VisibleSession>();

  constructor(private readonly b: Backbone) {}

  /** From now on they look; twice is once. */
  setVisible(sid: string, looker: VisibleViewer): void {
    const watched = this.sessions.get(sid);
    if (watched !== undefined) return void watched.viewers.add(looker);
    const stop = serveRpc(this.b, subjects.attention(sid), (body) => this.answer(sid, body));
    this.sessions.set(sid, { viewers: new Set([looker]), stop });
  }

  /** They look no more. */
  setHidden(sid: string, looker: VisibleViewer): void {
    const watched = this.sessions.get(sid);
    if (watched?.viewers.delete(looker) !== true || watched.viewers.size > 0) return;
    this.sessions.delete(sid);
    watched.stop();
  }

  stop(): void {
    for (const { stop } of this.sessions.values()) stop();
    this.sessions.clear();
  }

  /** Says yes as soon as one of this person's connections gives a sign of life, and else nothing. */
  private async answer(sid: string, body: Uint8Array): Promise<Uint8Array | undefined> {
    const question = decode(body);
    if (!isAttentionQuestion(question)) return undefined;
    const lookers = [...(this.sessions.get(sid)?.viewers ?? [])].filter(({ userId }) => userId === question.userId);
    const there = lookers.map(async (looker) => {
      if (!(await looker.isThere())) throw new Error('silent');
    });
    return Promise.any(there).then(
      () => SEEN,
      () => undefined,
    );
  }
}
