/** What a thrown thing says. */
export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Resolves with `promise`, or with undefined after `ms`, whichever is first; a rejection counts as an end. */
export function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    const done = (value: T | undefined) => {
      clearTimeout(timer);
      resolve(value);
    };
    promise.then(done, () => done(undefined));
  });
}
