/** What a lease is of, as its key says: `session.<sid>`, `runner.<rid>`, and `projector` with what follows it. */
export const LEASE_KINDS = ['session', 'runner', 'projector'] as const;
export type LeaseKind = (typeof LEASE_KINDS)[number];

export const leaseKey = (kind: LeaseKind, id: string): string => `${kind}.${id}`;

/** Whether a lease is of this kind. Without partitions all projectors share one lease, which has no id. */
export const isLeaseOf = (key: string, kind: LeaseKind): boolean => key === kind || key.startsWith(`${kind}.`);

/** The id of what a lease is of. */
export const idInLease = (key: string): string => key.slice(key.indexOf('.') + 1);
