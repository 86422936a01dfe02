/** Where the processes of a local run and of the tests may get a nats-server from. */
export interface Context {
  env: NodeJS.ProcessEnv;
  /** As `process.platform`. */
  platform: NodeJS.Platform;
  /** As `process.arch`. */
  arch: string;
  /** Told one line at a time what is being done, for a person who waits. */
  progress: (line: string) => void;
}

/** What a source would do. `fetch` means it would try; whether it succeeds is known only by trying. */
export type Plan =
  | { kind: 'ready'; binary: string; version: string }
  | { kind: 'fetch'; what: string }
  | { kind: 'unavailable'; why: string };

/**
 * What a source came to. `final` on a failure means that later sources must not be asked: the person named this one,
 * and quietly using another would hide their mistake.
 */
export type Obtained =
  { kind: 'found'; binary: string; version: string } | { kind: 'failed'; why: string; final?: boolean };

/** One place a nats-server can come from. */
export interface Source {
  /** What a person calls it. */
  name: string;
  /** What `obtain` would do. Changes nothing and asks no network. */
  check(): Promise<Plan>;
  /** Does it. Expected failures are outcomes; an I/O error may be thrown and counts as a failure of this source. */
  obtain(): Promise<Obtained>;
}

/** The context of this process. */
export function processContext(progress: Context['progress'] = () => {}): Context {
  return { env: process.env, platform: process.platform, arch: process.arch, progress };
}

/** A thrown thing as a sentence; `fetch` and friends keep the telling part in `cause`. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? `${thrown.message}: ${thrown.cause.message}` : thrown.message;
}
