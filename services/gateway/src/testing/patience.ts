/** How long what has to come is waited for with `vi.waitFor`, whose own limit is a second: a busy machine takes its time. */
export const PATIENT = { timeout: 20_000 };
