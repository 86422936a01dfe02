import { COMMAND_SCHEMAS } from './commands.js';
import { DELTA_SCHEMAS, SessionPartial } from './deltas.js';
import { EVENT_SCHEMAS } from './events.js';
import { HUB_DOWN, HUB_UP, RUNNERS_DOWN, RUNNERS_UP, VIEWER_DOWN, VIEWER_UP } from './frames.js';
import * as http from './http.js';
import * as notifications from './notifications.js';
import * as people from './accounts.js';
import * as sharing from './sharing.js';
import * as top from './top.js';
import { RunnerInfo, SessionInfo } from './info.js';
import { SessionMetaState } from './meta.js';
import { RUNNER_EVENT_SCHEMAS } from './runnerEvents.js';
import { RUNNER_METHODS } from './runnerRpc/index.js';
import { TERMINAL_DOWN, TERMINAL_UP } from './terminalFrames.js';

/**
 * The wire as JSON Schema, one document for each file of `schema/`, for readers in other languages. Their hash is
 * pinned in `wireVersion.ts`.
 */
export function schemaFiles(): Record<string, unknown> {
  const bodies = Object.entries({ ...http, ...people, ...sharing, ...notifications, ...top })
    .filter(([, value]) => typeof value === 'object' && !Array.isArray(value))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    'events.json': document('Events of a session: session.<sid>.events', EVENT_SCHEMAS),
    'deltas.json': document('Pieces: session.<sid>.deltas, and the reply of session.<sid>.partial', {
      ...DELTA_SCHEMAS,
      partial: SessionPartial,
    }),
    'runner-events.json': document('Events of a runner: runner.<rid>.events', RUNNER_EVENT_SCHEMAS),
    'runner-requests.json': document(
      'Requests to a runner and their replies: runner.<rid>.rpc.<method>',
      Object.fromEntries(
        Object.entries(RUNNER_METHODS).flatMap(([name, { request, reply }]) => [
          [`${name}.request`, request],
          [`${name}.reply`, reply],
        ]),
      ),
    ),
    'commands.json': document('Commands: runner.<rid>.cmd', COMMAND_SCHEMAS),
    'frames.json': document('Frames of the WebSockets', {
      ...prefixed('viewer.up', VIEWER_UP),
      ...prefixed('viewer.down', VIEWER_DOWN),
      ...prefixed('hub.up', HUB_UP),
      ...prefixed('hub.down', HUB_DOWN),
      ...prefixed('runners.up', RUNNERS_UP),
      ...prefixed('runners.down', RUNNERS_DOWN),
      ...prefixed('terminal.up', TERMINAL_UP),
      ...prefixed('terminal.down', TERMINAL_DOWN),
    }),
    'projections.json': document('Values of the buckets', { SessionInfo, RunnerInfo, SessionMetaState }),
    'http.json': document('Bodies of the HTTP API', Object.fromEntries(bodies)),
  };
}

function document(title: string, definitions: Readonly<Record<string, unknown>>): unknown {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title, $defs: definitions };
}

function prefixed(prefix: string, schemas: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [`${prefix}.${name}`, schema]));
}
