/**
 * Resolves or rejects as `promise` does, or with the result of `onTimeout` when `ms` pass first. `onTimeout` may throw;
 * without one the result is undefined. The work behind the promise continues, and its later rejection is ignored.
 */
export function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T | undefined>;
export function withTimeout<T, F>(promise: Promise<T>, ms: number, onTimeout: () => F): Promise<T | F>;
export async function withTimeout<T, F>(
  promise: Promise<T>,
  ms: number,
  onTimeout?: () => F,
): Promise<T | F | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(() => resolve(TIMED_OUT), ms);
  });
  try {
    const first = await Promise.race([promise, late]);
    return first === TIMED_OUT ? onTimeout?.() : first;
  } finally {
    clearTimeout(timer);
  }
}

const TIMED_OUT = Symbol('timed out');
