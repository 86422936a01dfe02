import { COMMAND_ARGS, SESSION_COMMANDS } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { withoutClaims } from './identity.js';

const ada = { userId: 'ada' };
/** Names of arguments that could say who somebody is, of whatever command there will be. */
const WHO = /^(by|from|userId|user|via|name|author|sender|role|right|guests?|startedBy)$/;

it('nobody says in a command who they are: that is for the gateway to say', () => {
  for (const name of SESSION_COMMANDS) {
    const args = withoutClaims(name, { by: { userId: 'eve', via: 'owner' }, from: 'your-parent', text: 'x' }, ada);
    expect(args, name).not.toHaveProperty('by');
    if (name === 'session_message') expect(args).toEqual({ from: 'ada', text: 'x' });
  }
});

it('what a command is about stays as it was sent', () => {
  const fork = { sessionId: 's2', entryId: 'e', name: 'Mine' };
  expect(withoutClaims('fork', fork, ada)).toEqual(fork);
});

it('every argument that could claim who somebody is has been thought of', () => {
  const found = SESSION_COMMANDS.flatMap((command) =>
    Object.keys(COMMAND_ARGS[command].properties)
      .filter((key) => WHO.test(key))
      .map((key) => `${command}.${key}`),
  );
  // The names are those that sessions are given.
  expect(found.sort()).toEqual(['fork.name', 'session_message.from', 'set_name.name', 'trigger_response.by']);
});
