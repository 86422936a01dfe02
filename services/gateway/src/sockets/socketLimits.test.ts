import { describe, expect, it } from 'vitest';
import { localOwner, type Principal } from '../auth/principal.js';
import {
  MAX_SOCKETS_OF_ACCOUNT,
  MAX_SOCKETS_OF_CREDENTIAL,
  MAX_SOCKETS_OF_GUEST_ADDRESS,
  MAX_SOCKETS_OF_LINK,
  SocketLimits,
} from './socketLimits.js';

const guest = (id: string, ip: string): Principal => ({
  ...{ userId: `guest_${id}`, name: 'Bob', role: 'guest', via: 'collab', ip },
  ...{ credential: { kind: 'share', id }, share: { sid: 's', mode: 'read' } },
});
const ada = (id: string, kind: 'login' | 'key' = 'login'): Principal => ({
  ...localOwner(),
  ...{ userId: 'ada', via: 'owner', credential: { kind, id } },
});
/** How many of these sockets are let in. */
const letIn = (limits: SocketLimits, who: Principal, count: number): number =>
  Array.from({ length: count }, () => limits.take(who)).filter((release) => release !== undefined).length;

describe('open sockets', () => {
  it('are so many for a link, from wherever', () => {
    const limits = new SocketLimits();
    let open = 0;
    for (let n = 0; n < 2 * MAX_SOCKETS_OF_LINK; n++) open += letIn(limits, guest('one', `10.0.0.${n}`), 1);
    expect(open).toBe(MAX_SOCKETS_OF_LINK);
    expect(letIn(limits, guest('two', '10.0.0.1'), 1)).toBe(1);
  });

  it('are so many for guests from one network, by whatever links', () => {
    const limits = new SocketLimits();
    let open = 0;
    for (let n = 0; n < 2 * MAX_SOCKETS_OF_GUEST_ADDRESS; n++) {
      open += letIn(limits, guest(`l${n}`, `2001:db8:0:1::${n.toString(16)}`), 1);
    }
    expect(open).toBe(MAX_SOCKETS_OF_GUEST_ADDRESS);
    expect(letIn(limits, guest('other', '2001:db8:0:2::1'), 1)).toBe(1);
  });

  it('are so many for a login, and more for all of an account; guests take none of those', () => {
    const limits = new SocketLimits();
    expect(letIn(limits, ada('l1'), MAX_SOCKETS_OF_CREDENTIAL + 1)).toBe(MAX_SOCKETS_OF_CREDENTIAL);
    expect(letIn(limits, guest('one', '10.0.0.1'), 1)).toBe(1);
    let open = MAX_SOCKETS_OF_CREDENTIAL;
    for (let n = 0; n < 10; n++) open += letIn(limits, ada(`k${n}`, 'key'), MAX_SOCKETS_OF_CREDENTIAL);
    expect(open).toBe(MAX_SOCKETS_OF_ACCOUNT);
  });

  it('make room when they close, once each', () => {
    const limits = new SocketLimits();
    const releases = Array.from({ length: MAX_SOCKETS_OF_LINK }, () => limits.take(guest('one', '10.0.0.1')));
    expect(limits.take(guest('one', '10.0.0.1'))).toBeUndefined();
    releases[0]!();
    releases[0]!();
    expect(letIn(limits, guest('one', '10.0.0.1'), 2)).toBe(1);
  });
});
