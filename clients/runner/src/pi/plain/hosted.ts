/** A program that hosts a session sets this before it loads the extensions of the person. */
const HOSTED = Symbol.for('pizzapi.hosted');

/** How a session is hosted already: by a runner, or by the terminal of `pizzapi`. */
export type HostedBy = 'runner' | 'terminal';

/** Says in this process that its sessions are hosted, so that our pi package adds nothing to them. */
export function announceHosted(by: HostedBy): void {
  Object.defineProperty(globalThis, HOSTED, { value: by, configurable: true });
}

/** Who hosts the sessions of this process; undefined in a plain pi. */
export function hostedBy(): HostedBy | undefined {
  const by: unknown = Object.getOwnPropertyDescriptor(globalThis, HOSTED)?.value;
  return by === 'runner' || by === 'terminal' ? by : undefined;
}
