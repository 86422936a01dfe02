import type { Command } from 'commander';
import { addOptions, tokenHint } from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import { type ApiResult } from '@pizzapi/session-client';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { EXIT, Failure, line, toSafeLine } from '../io.js';
import { forgetLogin, loginAt } from '../logins.js';
import { gatewayApi } from '@pizzapi/runner/access';

export function addLogout(program: Command, context: CliContext): void {
  const { io } = context;
  addOptions(program.command('logout'), GATEWAY_OPTIONS)
    .description('Revoke the key of `pizzapi login` and delete it from this machine')
    .addHelpText('after', examples('pizzapi logout', 'pizzapi logout --relay-url https://relay.example.com'))
    .action(async (flags: Record<string, unknown>) => {
      const { home, url } = gatewayOf(flags, io);
      const apiKey = loginAt(home, url);
      if (apiKey === undefined) {
        const what = `No sign-in at ${url} with \`pizzapi login\``;
        throw new Failure({ code: 'unauthenticated', message: `${what}. Nothing to do.` });
      }
      const revoked = await revoke(url, apiKey);
      forgetLogin(home, url);
      line(io.stdout, `Signed out of ${url}.`);
      if (revoked.kind === 'ok') return;
      const { code, message } = revoked.error;
      line(io.stderr, `The key was deleted from this machine but not revoked: ${code}: ${toSafeLine(message)}`);
      line(io.stderr, `Revoke the key that begins with ${tokenHint(apiKey)} at ${url}.`);
      context.exitCode = EXIT.failed;
    });
}

/** Revokes the key at the gateway. A key that is already invalid counts as revoked. */
async function revoke(url: string, apiKey: string): Promise<ApiResult<unknown>> {
  const api = gatewayApi({ url, token: apiKey });
  const keys = await api.keys();
  if (keys.kind === 'failed') {
    const isOver = keys.status === 401 || keys.status === 403;
    return isOver ? { kind: 'ok', status: keys.status, value: undefined } : keys;
  }
  const same = keys.value.keys.filter(({ kind, hint }) => kind === 'user' && hint === tokenHint(apiKey));
  if (same.length === 1) return api.revokeKey(same[0]!.id);
  const error = errorInfo('key_not_found', `${same.length} keys begin with ${tokenHint(apiKey)}`);
  return { kind: 'failed', status: 404, error };
}
