/** The machine that needs a nats-server, and the receiver of progress lines. */
export interface InstallContext {
  env: NodeJS.ProcessEnv;
  /** As `process.platform`. */
  platform: NodeJS.Platform;
  /** As `process.arch`. */
  arch: string;
  /** Called with one line for each step, to show to the user. */
  progress: (line: string) => void;
}

/** What a source would do. `fetch` means that it would download or build a binary, which can fail. */
export type InstallPlan =
  | { kind: 'ready'; binary: string; version: string }
  | { kind: 'fetch'; what: string }
  | { kind: 'unavailable'; why: string };

/**
 * The result of a source. `final` on a failure ends the search: the user named this source, and using another one would
 * hide the mistake.
 */
export type Obtained =
  { kind: 'found'; binary: string; version: string } | { kind: 'failed'; why: string; final?: boolean };

/** One way to get a nats-server. */
export interface Source {
  /** The name that messages show. */
  name: string;
  /** Returns what `obtain` would do. Changes nothing and does not use the network. */
  check(): Promise<InstallPlan>;
  /** Gets the binary. Returns expected failures; may throw an I/O error, which counts as a failure of this source. */
  obtain(): Promise<Obtained>;
}

/** Returns the context of this process. */
export function processContext(progress: InstallContext['progress'] = () => {}): InstallContext {
  return { env: process.env, platform: process.platform, arch: process.arch, progress };
}

/** Returns the message of a thrown value, with the message of its `cause`, where `fetch` keeps the reason. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? `${thrown.message}: ${thrown.cause.message}` : thrown.message;
}
