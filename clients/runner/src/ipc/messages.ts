import type { BackboneCounts } from '@pizzapi/process';
import type {
  Attachment,
  Author,
  Command,
  ErrorInfo,
  GuestRef,
  PiOptions,
  RunnerModel,
  RunnerResources,
  ThinkingLevel,
  TraceContext,
} from '@pizzapi/protocol';
import type { LoadedPi } from '../installation/types.js';

/**
 * What daemon and worker say to each other over the worker's socket. Both are of one build, except for a worker that
 * outlived an update of its daemon. 3: `describe`, `models`, `import`, `imported`, `outdated`, and `pi` in `hello`.
 * 4: `counts`, and in `leaving`; `trace` of `command` and of a start.
 */
export const IPC_VERSION = 4;
/** The oldest worker that a daemon adopts. It refuses the requests that it does not know. */
const OLDEST_IPC_VERSION = 2;

/** Whether a daemon of this version hosts a session in a worker of that one. */
export function speaksIpc(version: number): boolean {
  return version >= OLDEST_IPC_VERSION && version <= IPC_VERSION;
}

/** What a runner registers with: the models it has keys for (the demo model always) and where a new session starts. */
export interface ModelList {
  models: RunnerModel[];
  /** `provider/id` */
  defaultModel: string;
  /** Which variables of the environment a model refers to that are not set, by `provider/id`. */
  unset?: Readonly<Record<string, readonly string[]>>;
  /** What pi loads in every session. Missing: pi did not list it, or the worker is of an earlier version. */
  resources?: RunnerResources;
}

/** A pi session file to import. */
export interface ImportRequest {
  file: string;
  /** Whose session it becomes. */
  userId: string;
  runnerId: string;
  /** Takes what can be read of a damaged file. */
  salvage: boolean;
}

/** What a pi session file has, without its events. */
export interface ImportSummary {
  cwd: string;
  name: string;
  entries: number;
  messages: number;
  /** How many events `imported` returns. */
  events: number;
  /** The damage of the file, line by line: only with `salvage`. */
  damage: { line: number; what: string }[];
  /** What was repaired, one phrase for each kind. */
  repairs: string[];
  /** What is left out because only a newer pi knows it, one phrase for each kind. */
  skipped: string[];
}

/** The pi session file of a session that is over, and the message of a person at which a fork begins. */
export interface ForkSource {
  file: string;
  entryId?: string;
}

/** How a session begins in a worker. */
export type SessionStart =
  | {
      kind: 'new';
      commandId: string;
      by: Author;
      model?: string;
      name?: string;
      thinkingLevel?: ThinkingLevel;
      prompt?: string;
      attachments?: Attachment[];
      /** The trace of the command that starts the session. */
      trace?: TraceContext;
      /** A pi session file to continue. */
      file?: string;
      /** Copies the history from this file, which stays as it is. */
      branch?: ForkSource;
      resumedFrom?: string;
      /** Continues a damaged `file` in a copy, with what can be read of it. */
      salvage?: boolean;
      parentSessionId?: string;
      /** The guests of its parent in whose turn it is started. */
      startedBy?: GuestRef[];
      forkedFrom?: { sessionId: string; seq: number };
      pi?: PiOptions;
    }
  | {
      kind: 'resume';
      /** pi's file; none when the session never got as far as writing one. */
      file?: string;
      model?: string;
      name?: string;
      thinkingLevel?: ThinkingLevel;
      /** The session that started it. */
      parentSessionId?: string;
      startedBy?: GuestRef[];
      pi?: PiOptions;
    };

/** The session that a worker is to host: given once. */
export interface Assignment {
  sid: string;
  /** Whose it is, from the grant. */
  userId: string;
  epoch: number;
  /** The worker's password at nats-server, good for this session alone. It goes over the socket, never into an environment. */
  grant: string;
  runnerId: string;
  cwd: string;
  /** pi's own folder when it is not the person's (`~/.pi/agent`). */
  agentDir?: string;
  spoolDir: string;
  attachmentsDir: string;
  /** Of quiet, after which the worker puts the session to sleep, in ms. */
  idleMs: number;
  beginning: SessionStart;
}

/** What a worker says of its session; the daemon keeps it in the state file. */
export interface WorkerSessionState {
  sid: string;
  epoch: number;
  cwd: string;
  activity: 'idle' | 'working';
  /** pi's session file, once there is one. */
  file?: string;
  model: string;
  name: string;
  thinkingLevel: string;
  /** Events that wait for the backbone. */
  spool: { events: number; bytes: number; full: boolean };
  /** Rises with each state of a worker: an answer may be handled after a later notification. */
  no?: number;
}

/** What became of a command: with the worker's answer it is in the log (or its spool) already. */
export type WorkerCommandOutcome = { ok: true; result?: unknown } | { ok: false; error: ErrorInfo };

/**
 * Why a worker stops. `sleep`: the session goes on later, and its lease stays for the daemon to take up or not;
 * `kill`: it ends now, by this command.
 */
export type StopReason =
  | { kind: 'sleep'; keepLease: boolean }
  /** `message`: why, where it is not for the asking of a person. */
  | { kind: 'kill'; commandId: string; message?: string };

/** What a worker does while its session opens: `It was …`. */
export interface OpeningStep {
  doing: string;
  /** `log`: nats-server has to answer. `agent`: pi, its extensions and the file of the session. */
  waitsFor: 'agent' | 'log';
}

/** What a worker counts, and the bytes of its events that wait for nats-server. */
export interface WorkerFigures extends BackboneCounts {
  sid: string;
  spoolBytes: number;
}

/** A question of the daemon, with what answers it. */
export interface IpcRequests {
  /** Begin the session; answered once its first event is in the log. */
  assign: { ask: { assignment: Assignment }; answer: WorkerSessionState };
  /** Carry a command out; answered when its result is written. `asleep`: nothing was done, ask the next worker. */
  command: {
    ask: { command: Command; trace?: TraceContext };
    answer: { kind: 'answered'; outcome: WorkerCommandOutcome } | { kind: 'asleep' };
  };
  /** What became of a command: asked by a daemon that does not remember. */
  outcome: { ask: { commandId: string }; answer: 'unseen' | 'working' | 'answered' };
  /** Write the result of a command that the daemon carried out itself. `asleep`: ask the next worker. */
  answer: { ask: { command: Command; outcome: WorkerCommandOutcome }; answer: 'written' | 'asleep' };
  /** Copy the story up to an entry into a new pi file: the first half of a fork. */
  branch: { ask: { entryId?: string }; answer: { file?: string; seq: number } };
  /** A fresh login for the worker whose own is refused. Its session goes on under its old epoch: the log tells if it may. */
  grant: { ask: { grant: string }; answer: 'taken' };
  /** Puts the session to sleep if it is idle: another session needs its slot. */
  rest: { ask: object; answer: 'asleep' | 'busy' };
  stop: { ask: { reason: StopReason }; answer: 'stopped' };
  /** What the worker has counted at its connection to the backbone since its session began, and what waits there now. */
  counts: { ask: object; answer: WorkerFigures };
  /** Which pi the worker runs on; answered when it is loaded. */
  describe: { ask: object; answer: LoadedPi };
  /** The models of a configuration of pi, those without a key included. Asked of a worker without a session. */
  models: { ask: { agentDir: string }; answer: ModelList };
  /** Read and check a pi session file. Its events stay in the worker until `imported` returns them. */
  import: { ask: ImportRequest; answer: ImportSummary };
  /** The next part of the events of `import`: one event as JSON in each line. The last part is empty. */
  imported: { ask: object; answer: Uint8Array };
  /** The session runs on a pi that was replaced on this machine: show this text until it rests. An empty one: it is not. */
  outdated: { ask: { text: string }; answer: 'shown' };
}

export type IpcRequestName = keyof IpcRequests;
export type IpcRequest = { [N in IpcRequestName]: { type: N; ref: number } & IpcRequests[N]['ask'] }[IpcRequestName];
export type IpcResponse<N extends IpcRequestName> = IpcRequests[N]['answer'];

/** What a worker says unasked. */
export type IpcNotification =
  | { type: 'hello'; version: number; pid: number; state?: WorkerSessionState; pi?: LoadedPi }
  /** The warm worker can take an assignment. */
  | { type: 'ready' }
  | { type: 'opening'; step: OpeningStep }
  | { type: 'state'; state: WorkerSessionState }
  /** The worker's login is refused: the daemon may get it another. */
  | { type: 'locked_out' }
  /** The worker is about to exit, and why. After `asleep` the session goes on in the next one. */
  | { type: 'leaving'; why: 'asleep' | 'fenced' | 'ended'; counts?: WorkerFigures };

type Reply = { type: 'reply'; ref: number; answer: unknown } | { type: 'refused'; ref: number; error: ErrorInfo };
export type WorkerMessage = IpcNotification | Reply;
