import { guestUserId, OWNER_ID, type Author, type ShareMode, type ShareRow, type ViewerMode } from '@pizzapi/protocol';

/** What a request was let in by. `id` names it where it is revoked: of a login, a key or a share. */
export interface Credential {
  kind: 'login' | 'key' | 'share' | 'local';
  id: string;
}

/** On whose behalf a request is made. Every request and every socket has one, or is refused. */
export interface Principal {
  userId: string;
  name: string;
  role: 'admin' | 'member' | 'guest';
  /** How they signed in. Commands and the audit log record it. */
  via: Author['via'];
  credential: Credential;
  /**
   * The program of PizzaPi that a person uses with a key: the program says so itself. Messages show it. Nothing is allowed
   * because of it, and the audit log records how the person signed in.
   */
  client?: 'terminal';
  /** The address the request came from. */
  ip?: string;
  /** The only session of a guest, and what they may do there. `files`: also read the files of its folder. */
  share?: { sid: string; mode: ShareMode; files?: boolean };
  /** The account of a guest who is signed in, and what that account was let in by. `name` is the name of the account. */
  account?: { userId: string; credential: Credential };
}

/** The account behind a person: also of a guest who is signed in. Undefined for other guests. */
export function accountIdOf({ userId, role, account }: Principal): string | undefined {
  return account?.userId ?? (role === 'guest' ? undefined : userId);
}

/**
 * A person with an account as the guest of a share. The guest has the rights of the share and no other ones, and the name
 * of the account.
 */
export function asGuest(
  person: Principal,
  share: Pick<ShareRow, 'shareId' | 'sessionId' | 'mode' | 'files'>,
): Principal {
  const { userId, name, credential, ip } = person;
  return {
    ...{ userId: guestUserId(share.shareId), name, role: 'guest', via: 'collab' },
    credential: { kind: 'share', id: share.shareId },
    share: { sid: share.sessionId, mode: share.mode, ...(share.files === true ? { files: true } : {}) },
    account: { userId, credential },
    ...(ip === undefined ? {} : { ip }),
  };
}

/** The owner of the installation, as the programs of the machine itself are let in: by the secret of its home. */
export const localOwner = (name = 'Owner'): Principal => ({
  ...{ userId: OWNER_ID, name, role: 'admin', via: 'api' },
  credential: { kind: 'local', id: 'local' },
});

/** How rows of the audit log name this person. */
export const auditFieldsOf = ({ userId, via, role, name, ip, account }: Principal) => ({
  ...{ userId, via },
  ...(ip === undefined ? {} : { ip }),
  ...(role === 'guest' ? { guest: name } : {}),
  ...(account === undefined ? {} : { account: account.userId }),
});

/**
 * How events and commands name this person. A guest is marked by `via`, whatever they call themselves; `mode` is what
 * their link allows now.
 */
export const authorOf = ({ userId, via, name, client, account }: Principal, mode?: ViewerMode): Author => ({
  ...{ userId, via: via === 'api' && client !== undefined ? client : via },
  ...(name === '' ? {} : { name }),
  ...(mode === 'approve' ? { right: mode } : {}),
  ...(account === undefined ? {} : { signedIn: true }),
});
