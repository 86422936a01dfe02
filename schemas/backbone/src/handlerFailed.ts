/** Marks an error of a caller's handler, so that a reader throws it to the caller instead of reading again. */
export class HandlerFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('The handler failed', { cause });
  }
}
