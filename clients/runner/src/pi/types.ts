import type {
  ApprovalMode,
  Author,
  CommandArgs,
  DeliverAs,
  ErrorInfo,
  GoalRequest,
  GuestRef,
  LinkEnd,
  MessageAbout,
  PiOptions,
  RunnerModel,
  SessionEvent,
  ThinkingLevel,
  UnnumberedDelta,
} from '@pizzapi/protocol';
import type { LinkedCommand, LinkTimes } from '../linked/linkedCommands.js';
import type { DialogAnswerOutcome } from './dialogs.js';
import type { OpenState } from './openBlocks.js';

/** Where a session's facts and pieces go. Called synchronously and in order; must not throw. */
export interface PiSink {
  event(event: SessionEvent): void;
  delta(delta: UnnumberedDelta): void;
}

export interface OpenOptions {
  /** An existing folder. */
  cwd: string;
  sink: PiSink;
  /** pi's configuration; the person's own (`PI_CODING_AGENT_DIR`, else `~/.pi/agent`) when left out. */
  agentDir?: string;
  /** A pi session file to continue. It is appended to, and stays one that `pi` can resume. */
  sessionFile?: string;
  /** Continues a damaged `sessionFile` in a copy, with what can be read of it. */
  salvage?: boolean;
  /** `provider/id`; pi's own choice when left out, and the demo model when pi has no key at all. */
  model?: string;
  /**
   * Opens the session also when there is no such `model`, or no key for it. Inputs are refused then until a person
   * chooses a model. So it is with the model of a `sessionFile`.
   */
  modelMayBeMissing?: boolean;
  thinkingLevel?: ThinkingLevel;
  name?: string;
  /** What pi's own flags say: tools, prompts, what is loaded. */
  pi?: PiOptions;
  /** The session was there before: a tool it was told of and that is gone is a warning then, not an end. */
  isResumed?: boolean;
  /** Questions, to-dos, plans, approvals and goals; on unless `PIZZAPI_HUMAN` is `off`. */
  human?: boolean;
  /** Whether tools that change something need an approval: `PIZZAPI_APPROVALS`, else `allow`, as in pi itself. */
  approvals?: ApprovalMode;
  /** Which session it is, and whose child: with it, the agent can start and talk to other sessions. */
  linked?: {
    sessionId: string;
    parentSessionId?: string | undefined;
    times?: LinkTimes;
    /** The guests in whose turn its parent started it. */
    startedBy?: readonly GuestRef[] | undefined;
  };
  /** Whether the agent of a resumed session continues by itself what the stop of its host has ended. */
  continuesInterrupted?: boolean;
  /** Asks whether the links of guests still let them write: why not, of the first that does not. */
  linkEnd?: (guests: readonly GuestRef[]) => Promise<LinkEnd | undefined>;
  /** Called with what is about to be done, in the words after "It was", because it may never end. */
  onStep?: (doing: string) => void;
  /** An extension asked for the end of the session. */
  onShutdownRequested?: () => void;
  /** A bug of ours, caught before it could harm pi's own file. Printed to stderr when left out. */
  onBug?: (error: unknown) => void;
}

export type OpenOutcome = { kind: 'opened'; session: PiSession } | { kind: 'refused'; error: ErrorInfo };

export type Outcome<T extends object = object> = ({ kind: 'ok' } & T) | { kind: 'failed'; error: ErrorInfo };

export interface AgentInput {
  commandId: string;
  text: string;
  /** Who sends it, where that is shown. */
  by?: Author;
  /** Base64 images. */
  images?: { data: string; mimeType: string }[];
  /** How to deliver while the agent works: `prompt` steers then. Idle, all three are a prompt. */
  deliverAs?: DeliverAs;
  /** What a text that another session sent is, for people. */
  about?: MessageAbout;
  /** The end of `text` that its author did not write: where the attached files are. It stays when the text is edited. */
  notes?: string;
}

/** Changes the queue: the inputs that are accepted and that the agent has not begun to read. */
export interface PiQueue {
  /** Gives an input a new text. */
  edit(inputId: string, text: string, by: Author): Outcome;
  /** Takes an input out. */
  remove(inputId: string, by: Author): Outcome;
  /** Puts an input in front of another one; without `before`, at the end. */
  move(inputId: string, before: string | undefined, by: Author): Outcome;
  /** Makes an input the first one. An agent at rest starts with it. */
  sendNow(inputId: string, by: Author): Outcome;
}

/** Changes the modes of a session. The log states what they are then. */
export interface PiModes {
  setPlanMode(enabled: boolean): void;
  setApprovals(mode: ApprovalMode): void;
  /** Sets the goal and tells the agent; null cancels it. */
  setGoal(goal: GoalRequest | null): void;
}

export interface ExecResult {
  output: string;
  exitCode: number | null;
  cancelled: boolean;
  truncated: boolean;
}

export interface PiSessionState {
  isStreaming: boolean;
  isCompacting: boolean;
  isRetrying: boolean;
  isBashRunning: boolean;
  /** The texts that wait, in the order in which the agent will read them. */
  queue: { steering: string[]; followUp: string[] };
  openDialogs: number;
  /** `provider/id` */
  model: string;
  thinkingLevel: ThinkingLevel;
  thinkingLevels: ThinkingLevel[];
  /** The models there is a key for. */
  models: RunnerModel[];
}

/** One session of the agent, whatever the SDK behind it. */
export interface PiSession {
  readonly cwd: string;
  /** pi's own JSONL file. It exists once the agent has answered for the first time. */
  readonly sessionFile: string | undefined;
  readonly piVersion: string;
  /** `provider/id` */
  model(): string;
  thinkingLevel(): ThinkingLevel;
  name(): string;
  state(): PiSessionState;
  /** What is open now: exactly the pieces that went to the sink, folded. */
  openBlocks(): OpenState;

  /**
   * Starts the person's extensions and reports model, thinking level and usage. Nothing goes to the sink before this is
   * called, so that the log can begin with `session_started`. Resolves when the extensions have started, which takes as
   * long as a question that one of them asks; prompts wait for it.
   */
  start(): Promise<void>;
  /**
   * Hands an input to the agent. Resolves once pi has taken or refused it, at the latest after some seconds, and never
   * waits for the answer. `input_delivered` follows when the agent reads it.
   */
  submitInput(input: AgentInput): Promise<Outcome>;
  /**
   * Stops what the agent does now: the answer, a retry, a compaction, a shell command. The queue stays and waits for the
   * next input or `sendNow`. `dropFor`: also takes the inputs out of the queue that this person may take out.
   */
  abort(options?: { dropFor?: Author }): Promise<Outcome>;
  readonly queue: PiQueue;
  /** Changes the modes; undefined where the session has none. */
  readonly modes: PiModes | undefined;
  setModel(model: string): Promise<Outcome<{ model: string }>>;
  /** Sets the level, or the nearest that the model has. */
  setThinkingLevel(level: ThinkingLevel): Outcome<{ level: ThinkingLevel }>;
  compact(instructions?: string): Promise<Outcome<{ tokensBefore: number; summary: string }>>;
  setName(name: string): Outcome;
  /** Runs a shell command on the person's behalf, streamed as output of the tool call `toolCallId`, kept in the session. */
  exec(command: string, toolCallId: string): Promise<Outcome<ExecResult>>;
  /** What was said before now, as the beginning of a log: in the order of pi's file, jumps to other branches included. */
  history(): SessionEvent[];
  /**
   * Writes a new session file that shares the story up to (and without) a user's message, or all of it. No file means
   * that there is no story to share: the fork is a new session.
   */
  fork(entryId?: string): Outcome<{ sessionFile?: string; text?: string }>;
  /** Empties the queue; what was in it. */
  clearQueue(): { steering: string[]; followUp: string[] };
  answerDialog(dialogId: string, value: unknown, by: Author): DialogAnswerOutcome;
  /**
   * Ends what a guest whose link has ended had begun or sent here, and says so in one line. `failed` when what the agent
   * does for them does not stop yet.
   */
  guestLeft(left: CommandArgs<'guest_left'>): Promise<Outcome<{ stopped: boolean; dropped: number }>>;
  /** Why nothing that this author says is wanted any more, or undefined. */
  linkEnd(by: Author): Promise<LinkEnd | undefined>;
  /** Takes what a linked session sent. Safe to do again: what was done once is only answered. */
  fromLinked(command: LinkedCommand): Promise<Outcome>;
  /**
   * Stops the session: dialogs settled, queue cleared, agent and shell aborted, extensions told. Bounded in time. What
   * waits for a person stays open in pi's file, to be asked again by whoever opens it next, unless it ends `permanently`.
   */
  dispose(options?: { permanently?: boolean }): Promise<void>;
}
