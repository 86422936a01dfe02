import { homeLayout, type NatsAccess } from '@pizzapi/process';
import { writePrivateJson } from '../privateFile.js';

/** How to reach a nats-server, with made-up logins. */
export function madeUpNatsAccess(url = 'nats://127.0.0.1:1', nkeySeed = 'SU'): NatsAccess {
  const login = { nkeySeed };
  const auditor = { user: 'auditor', password: "p'auditor" };
  const services = { gateway: login, projector: login, authenticator: login };
  return { url, users: { admin: login, ...services, auditor, issuerSeed: 'SA' }, runnerToken: 'pzr_local' };
}

/** Writes the access file of a local run into a home. */
export function writeMadeUpNatsAccess(home: string): void {
  writePrivateJson(homeLayout(home).natsAccessFile, madeUpNatsAccess());
}
