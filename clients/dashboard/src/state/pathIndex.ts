/** What a path leads to on the host; null: to no file and no folder. */
export type FoundKind = 'file' | 'folder' | null;

/** Asks the host what these paths are, in their order; undefined: the host did not say. */
export type FindPaths = (paths: readonly string[]) => Promise<readonly FoundKind[] | undefined>;

/** Paths in one question. */
const BATCH = 200;
/** Paths that are remembered. */
const MAX_KNOWN = 4_000;
/** Rows are drawn and texts end in bursts: a question is asked after so long, in ms. */
const WAIT_MS = 150;
/** A path that was missing may be there by now: it is asked about again after so long, in ms. */
const MISSING_MS = 20_000;

/** Which paths exist on a host, of those that texts name. Asks for many at once, and for each once. */
export class PathIndex {
  readonly #known: Map<string, FoundKind>;
  readonly #missingSince = new Map<string, number>();
  readonly #wanted = new Set<string>();
  readonly #find: FindPaths;
  readonly #now: () => number;
  #asking: Promise<void> | undefined;

  /** `known`: what is known of each path; a map of signals, where the page shows it. */
  constructor(find: FindPaths, known: Map<string, FoundKind> = new Map(), now: () => number = Date.now) {
    this.#known = known;
    this.#find = find;
    this.#now = now;
  }

  /** What is known of a path. Undefined: not known yet. */
  known(path: string): FoundKind | undefined {
    return this.#known.get(path);
  }

  /** What is known of a path. Undefined: not known yet. Asks the host if need be, and changes no signal now. */
  kindOf(path: string): FoundKind | undefined {
    const kind = this.#known.get(path);
    if (kind === undefined || this.#isStale(path)) this.#want(path);
    return kind;
  }

  /** Settles when the host has said what these paths are, or cannot say. */
  async ask(paths: readonly string[]): Promise<void> {
    for (const path of paths) if (this.#known.get(path) === undefined || this.#isStale(path)) this.#want(path);
    await this.#asking;
  }

  #isStale(path: string): boolean {
    const since = this.#missingSince.get(path);
    return since !== undefined && this.#now() - since > MISSING_MS;
  }

  #want(path: string): void {
    this.#wanted.add(path);
    this.#asking ??= new Promise((resolve) => setTimeout(() => resolve(this.#askAll()), WAIT_MS));
  }

  async #askAll(): Promise<void> {
    while (this.#wanted.size > 0) {
      const paths = [...this.#wanted].slice(0, BATCH);
      for (const path of paths) this.#wanted.delete(path);
      const kinds = await this.#find(paths);
      if (kinds !== undefined) paths.forEach((path, i) => this.#learn(path, kinds[i] ?? null));
    }
    this.#asking = undefined;
  }

  #learn(path: string, kind: FoundKind): void {
    if (this.#known.get(path) !== kind) this.#known.set(path, kind);
    if (kind === null) this.#missingSince.set(path, this.#now());
    else this.#missingSince.delete(path);
    const oldest = this.#known.size > MAX_KNOWN ? this.#known.keys().next().value : undefined;
    if (oldest === undefined) return;
    this.#known.delete(oldest);
    this.#missingSince.delete(oldest);
  }
}
