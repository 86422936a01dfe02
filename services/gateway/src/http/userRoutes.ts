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

/** The people of this installation, for its admins. */
export function userRoutes(app: FastifyInstance, { accounts, logins, passwordPolicy, audit, metrics }: UserDeps): void {
  const refuse = refuser(metrics);

  app.get(
    '/api/users',
    { config, schema: route({ summary: 'All accounts', tag, answers: { 200: UsersReply } }) },
    async () => ({ users: accounts.list().map((account) => infoOf(account, passwordPolicy)) }),
  );

  app.patch<{ Params: { id: string }; Body: { disabled: boolean } }>(
    '/api/users/:id',
    {
      config,
      schema: route({
        summary: 'Disable or enable an account; disabling ends its sign-ins and disables its keys',
        tag,
        params: IdParams,
        body: UserChangeBody,
        answers: { 200: UserInfo },
      }),
    },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const { id } = request.params;
      const { disabled } = request.body;
      if (id === userId) return refuse(reply, { error: errorInfo('own_account') });
      const changed = await accounts.change(id, ({ disabledAt, disabledBy: _, ...row }) => {
        if (disabled) return { ...row, disabledAt: disabledAt ?? Date.now() };
        // The admin stands for the person until the issuer is asked again.
        const { identity } = row;
        return identity === undefined ? row : { ...row, identity: { ...identity, confirmedAt: Date.now() } };
      });
      if (changed === undefined) return refuse(reply, { error: errorInfo('user_not_found', `No account "${id}"`) });
      if (disabled) await logins.endAll(id);
      audit(disabled ? 'user_disabled' : 'user_enabled', { userId, ip: request.ip, target: id });
      return infoOf(changed, passwordPolicy);
    },
  );
}
