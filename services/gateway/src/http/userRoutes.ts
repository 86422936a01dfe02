import type { AuditWriter } from '@pizzapi/backbone';
import {
  errorInfo,
  IdParams,
  UserChangeBody,
  UserInfo,
  UsersReply,
  type AccountRow,
  type UserInfo as UserInfoValue,
} from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { Logins } from '../accounts/logins.js';
import type { PasswordPolicy } from '../accounts/passwordPolicy.js';
import type { AccountStore } from '../accounts/store.js';
import type { GatewayMetrics } from '../metrics.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

export interface UserDeps {
  accounts: AccountStore;
  logins: Logins;
  passwordPolicy: PasswordPolicy;
  audit: AuditWriter;
  metrics: GatewayMetrics;
}

const tag = 'users';
const config = { admin: true };

function infoOf(account: AccountRow, passwordPolicy: PasswordPolicy): UserInfoValue {
  const { password, disabledAt, disabledBy, identity, ...shown } = account;
  const { issuer = '', address, confirmedAt = 0, invited } = identity ?? {};
  const known = {
    ...{ issuer, confirmedAt },
    ...(address === undefined ? {} : { address }),
    ...(invited === undefined ? {} : { invited }),
  };
  return {
    ...{ ...shown, disabled: disabledAt !== undefined },
    hasPassword: password !== undefined && passwordPolicy.mayUse(account),
    ...(disabledBy === undefined ? {} : { disabledByIssuer: true }),
    ...(identity === undefined ? {} : { identity: known }),
  };
}

/** The row of an account after a change. Pure. */
function changedRow(row: AccountRow, { disabled, retention: changed }: UserChangeBody): AccountRow {
  const { retention, ...others } = row;
  const kept = changed === undefined ? retention : (changed ?? undefined);
  const account = disabled === undefined ? others : withDisabled(others, disabled);
  return kept === undefined ? account : { ...account, retention: kept };
}

function withDisabled({ disabledAt, disabledBy: _, ...row }: AccountRow, disabled: boolean): AccountRow {
  if (disabled) return { ...row, disabledAt: disabledAt ?? Date.now() };
  // The admin stands for the person until the issuer is asked again.
  const { identity } = row;
  return identity === undefined ? row : { ...row, identity: { ...identity, confirmedAt: Date.now() } };
}

/** The people of this installation, for its admins. */
export function userRoutes(app: FastifyInstance, { accounts, logins, passwordPolicy, audit, metrics }: UserDeps): void {
  const refuse = refuser(metrics);

  app.get(
    '/api/users',
    { config, schema: route({ summary: 'All accounts', tag, answers: { 200: UsersReply } }) },
    async () => ({ users: accounts.list().map((account) => infoOf(account, passwordPolicy)) }),
  );

  app.patch<{ Params: { id: string }; Body: UserChangeBody }>(
    '/api/users/:id',
    {
      config,
      schema: route({
        summary:
          'Disable or enable an account, or set what is kept of its sessions; disabling ends its sign-ins and disables its keys',
        tag,
        params: IdParams,
        body: UserChangeBody,
        answers: { 200: UserInfo },
      }),
    },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const { id } = request.params;
      const { disabled, retention } = request.body;
      if (id === userId && disabled !== undefined) return refuse(reply, { error: errorInfo('own_account') });
      const changed = await accounts.change(id, (row) => changedRow(row, request.body));
      if (changed === undefined) return refuse(reply, { error: errorInfo('user_not_found', `No account "${id}"`) });
      if (disabled === true) await logins.endAll(id);
      const who = { userId, ip: request.ip, target: id };
      if (disabled !== undefined) audit(disabled ? 'user_disabled' : 'user_enabled', who);
      if (retention !== undefined) audit('retention_changed', { ...who, ...retention });
      return infoOf(changed, passwordPolicy);
    },
  );
}
