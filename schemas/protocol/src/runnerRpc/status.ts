import Type from 'typebox';
import { RunnerModel } from '../info.js';
import { RunnerLoad } from '../top.js';
import { method, reply, request } from './method.js';

/** What a runner is asked about itself. */
const Text = Type.String();
const Nothing = reply({});

const Models = reply({
  /** Also those without a key: `available` is false. */
  models: Type.Array(
    Type.Object({ ...RunnerModel.properties, provider: Type.Optional(Text), id: Type.Optional(Text) }),
  ),
  defaultModel: Text,
});

export const STATUS_METHODS = {
  status: method({
    summary: 'What the runner is and which sessions it hosts',
    request: request({}),
    reply: reply({
      runnerId: Text,
      pid: Type.Integer(),
      name: Type.Optional(Text),
      version: Type.Optional(Text),
      piVersion: Type.Optional(Text),
      startedAt: Type.Optional(Type.Number()),
      maxSessions: Type.Optional(Type.Number()),
      roots: Type.Optional(Type.Array(Text)),
      sessions: Type.Array(Type.Object({ sid: Text, cwd: Text, state: Text })),
      load: Type.Optional(RunnerLoad),
    }),
    urgent: true,
  }),
  ping: method({
    summary: 'The round trips between the gateway, nats-server and the runner',
    request: request({}),
    reply: reply({
      /** The clock of the host, ms since epoch. */
      at: Type.Number(),
      /** The round trip from the runner to nats-server, in ms. */
      natsMs: Type.Optional(Type.Number()),
      /** What the gateway adds: its own round trips to nats-server and to the runner, in ms. */
      gateway: Type.Optional(Type.Object({ natsMs: Type.Optional(Type.Number()), runnerMs: Type.Number() })),
    }),
    timeoutMs: 5_000,
    urgent: true,
  }),
  list_models: method({
    summary: 'The models of the host, as pi lists them now',
    request: request({}),
    reply: Models,
    timeoutMs: 30_000,
  }),
  /** The name of `list_models` in earlier versions. */
  models: method({
    summary: 'The same as `list_models`, for readers of earlier versions',
    request: request({}),
    reply: Models,
    timeoutMs: 30_000,
  }),
  folders: method({
    summary: 'Folders within the roots that begin with `path`',
    request: request({ path: Type.Optional(Type.String({ maxLength: 4_096, pattern: '^[^\\u0000]*$' })) }),
    reply: reply({ folders: Type.Array(Text) }),
    right: 'sessions',
    timeoutMs: 5_000,
  }),
  restart: method({
    summary: 'Starts the daemon anew. Its sessions continue in their workers',
    request: request({}),
    reply: Nothing,
    changes: { kind: 'audited', did: 'restarted the runner', what: () => ({}) },
    urgent: true,
  }),
  shutdown: method({
    summary: 'Suspends all sessions of the runner and ends it',
    request: request({}),
    reply: Nothing,
    changes: { kind: 'audited', did: 'stopped the runner', what: () => ({}) },
    urgent: true,
  }),
};
