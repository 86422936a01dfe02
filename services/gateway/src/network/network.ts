import type { AuditWriter } from '@pizzapi/backbone';
import { hostUrl, isAtPageName } from '@pizzapi/process';
import {
  errorInfo,
  isOfThisMachine,
  OWNER_ID,
  type ErrorInfo,
  type NetworkReply,
  type ReachableAddress,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import type { LanAccess } from './lanAccess.js';

export interface NetworkDeps {
  /** The configured address of the page. */
  publicUrl: string | undefined;
  /** The address that the gateway listens on. */
  host: string;
  /** `host` stands for all addresses of the machine. */
  isWildcard: boolean;
  lan: LanAccess;
  /** The address of the page on this machine, or the public one. */
  pageUrl: () => string;
  port: () => number;
  audit: AuditWriter<'lan_opened' | 'lan_closed'>;
}

/** Under which addresses other devices can open the page, and the switch for the local network. */
export class Network {
  constructor(private readonly deps: NetworkDeps) {}

  /** The best address first. Empty when only this machine can open the page. */
  get addresses(): ReachableAddress[] {
    const { publicUrl, host, isWildcard, lan, port } = this.deps;
    const secure = publicUrl?.startsWith('https:') === true;
    if (publicUrl !== undefined) return isOfThisMachine(publicUrl) ? [] : [{ url: publicUrl, kind: 'public', secure }];
    if (!isAtPageName(host) && !isWildcard) return [{ url: hostUrl(host, port()), kind: 'lan', secure: false }];
    return lan.addresses;
  }

  /** The address for links that other people or devices open. `localOnly`: no other device can open it. */
  outsideUrl(): { url: string; localOnly: boolean } {
    const best = this.addresses[0];
    return { url: best?.url ?? this.deps.pageUrl(), localOnly: best === undefined };
  }

  describe(principal: Principal): NetworkReply {
    const { lan } = this.deps;
    return { addresses: this.addresses, lan: lan.isOpen, canSwitch: this.switchProblem(principal) === undefined };
  }

  /** Opens or closes the gateway to the local network. */
  async switchLan(isWanted: boolean, principal: Principal): Promise<ErrorInfo | undefined> {
    const problem = this.switchProblem(principal);
    if (problem !== undefined) return problem;
    const { lan, port, audit } = this.deps;
    const { userId, ip } = principal;
    if (isWanted === lan.isOpen) return undefined;
    if (isWanted) await lan.open(port());
    const addresses = lan.addresses.map(({ url }) => url).join(' ');
    audit(isWanted ? 'lan_opened' : 'lan_closed', { userId, ip, addresses });
    if (!isWanted) await lan.close();
    return undefined;
  }

  /** Who controls the machine controls what it shows to the network: not another admin, and not a key. */
  private switchProblem({ userId, credential }: Principal): ErrorInfo | undefined {
    const { publicUrl, host, isWildcard } = this.deps;
    if (userId !== OWNER_ID || (credential.kind !== 'login' && credential.kind !== 'local'))
      return errorInfo('forbidden', 'Only the owner of the installation can do this');
    const isFixed = publicUrl !== undefined || isWildcard || !isAtPageName(host);
    return isFixed ? errorInfo('network_fixed') : undefined;
  }
}
