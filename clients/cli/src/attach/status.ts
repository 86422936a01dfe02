import {
  inputsOnTheirWay,
  MODE_LABELS,
  modelProblemText,
  modesOf,
  queuedInputs,
  shownText,
  titleOf,
  type Author,
  type PendingInput,
  type QueuedInput,
  type SessionInfo,
  type SessionMetaState,
  type Transcript,
  type ViewerMode,
  modelText,
} from '@pizzapi/protocol';

export interface StatusFacts {
  info: SessionInfo;
  meta: SessionMetaState;
  mode: ViewerMode;
  /** How many watch, this one included. */
  viewers: number;
  /** The connection in words. */
  connection: string;
}

export interface StatusLine {
  left: string;
  right: string;
}

/** The two lines beneath everything: what session this is and how it is reached; what it costs and thinks with. */
export function statusLines({ info, meta, mode, viewers, connection }: StatusFacts): [StatusLine, StatusLine] {
  const watching = viewers > 1 ? `${viewers} watching` : '';
  const role = { owner: '', approve: 'guest, may approve', collab: 'guest', read: 'read-only' }[mode];
  const host = info.host === 'lost' && info.state !== 'ended' ? 'The runner is offline' : '';
  return [
    { left: joined(info.cwd, titleOf(info, '')), right: joined(role, watching, host, connection) },
    {
      left: modelProblem(meta, mode) ?? usage(meta),
      right: joined(modelOf(info, meta), thinking(meta), ...modes(meta)),
    },
  ];
}

/** What a person has to do before anything is sent, where the model of the session cannot be used. */
function modelProblem({ model }: SessionMetaState, mode: ViewerMode): string | undefined {
  const problem = modelProblemText(model);
  if (problem === undefined) return undefined;
  return `${problem}. ${mode === 'read' ? 'Nothing is sent to a model.' : 'Choose another one with //model'}`;
}

/** `provider/id` of the model in use. */
export function modelOf(info: SessionInfo, meta: SessionMetaState): string {
  return modelText(meta.model ?? info.model);
}

function thinking({ thinkingLevel }: SessionMetaState): string {
  return thinkingLevel === null || thinkingLevel === 'off' ? '' : `thinking ${thinkingLevel}`;
}

/** The modes that are on. */
const modes = (meta: SessionMetaState) => modesOf(meta).map((mode) => MODE_LABELS[mode]);

function usage({ tokenUsage }: SessionMetaState): string {
  if (tokenUsage === null) return '';
  const { input, output, cost, contextTokens, contextWindow } = tokenUsage;
  const context =
    typeof contextTokens === 'number' && typeof contextWindow === 'number' && contextWindow > 0
      ? `${((contextTokens / contextWindow) * 100).toFixed(1)}% of ${short(contextWindow)}`
      : '';
  return joined(`↑${short(input)} ↓${short(output)}`, `$${cost.toFixed(3)}`, context);
}

/** `987`, `1.2k`, `34k`, `1.2M` */
export function short(count: number): string {
  if (count < 1_000) return String(count);
  const [value, unit] = count < 999_500 ? [count / 1_000, 'k'] : [count / 1_000_000, 'M'];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${unit}`;
}

function joined(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(' · ');
}

/** Why nothing can be written now, or undefined. */
export function blockedBy(mode: ViewerMode, info: SessionInfo, ended: boolean): string | undefined {
  if (ended) return 'This session has ended.';
  if (mode === 'read') return 'Read-only: this link does not allow writing.';
  if (info.host === 'lost') return 'The runner is offline. You can write again when it reconnects.';
  return undefined;
}

/** Something that was sent from here and that the log does not show yet, or never will. */
export interface OutgoingInput {
  text: string;
  commandId?: string;
  /** Why it did not get there. */
  refused?: string;
}

/** `bad`: it did not get there. */
export interface QueueLine {
  text: string;
  bad: boolean;
}

/**
 * What is on its way to the agent, a line each: the queue in the order in which the agent will read it, each message with
 * its number, then what is sending or sent.
 */
export function queueLines(
  transcript: Pick<Transcript, 'pendingInputs' | 'queue'>,
  outgoing: readonly OutgoingInput[],
  nameOf: NameOf,
  numberOf: (commandId: string) => number | undefined = () => undefined,
): QueueLine[] {
  const { pendingInputs, queue } = transcript;
  const known = new Set(pendingInputs.map(({ commandId }) => commandId));
  const sending = outgoing.filter(({ commandId }) => commandId === undefined || !known.has(commandId));
  // The host of a log without `items` is an earlier version: its queue is texts, which its inputs may repeat.
  const texts = new Set(queue.items === undefined ? pendingInputs.map(({ text }) => text) : []);
  const listed = queuedInputs(transcript).filter(({ text }) => !texts.has(text));
  const others = queue.items === undefined ? pendingInputs : inputsOnTheirWay(transcript);
  const waiting = [...listed, ...others].map((input) => queuedLine(input, nameOf, numberOf));
  return [...waiting.map((text) => ({ text, bad: false })), ...sending.map(outgoingLine)];
}

function queuedLine(
  input: QueuedInput | PendingInput,
  nameOf: NameOf,
  numberOf: (commandId: string) => number | undefined,
): string {
  const { commandId = '', by, deliverAs } = input;
  const number = numberOf(commandId);
  const name = by === undefined ? undefined : nameOf(by);
  const author = name === undefined ? '' : ` (${name})`;
  return `${number === undefined ? '' : `${number}. `}Queued${WAITS[deliverAs] ?? ''}${author}: ${shownText(input)}`;
}

const WAITS: Readonly<Record<string, string>> = { steer: ' for the next step', followUp: ' until the agent is done' };

function outgoingLine({ text, commandId, refused }: OutgoingInput): QueueLine {
  if (refused !== undefined) return { text: `Not delivered: ${text} · ${refused}`, bad: true };
  return { text: `${commandId === undefined ? 'Sending' : 'Sent'}: ${text}`, bad: false };
}

/** What to call the author of something; undefined where nobody needs to be named. */
export type NameOf = (by: Author) => string | undefined;

/** Names everybody but the person who looks, `me`, at whatever screen they were. */
export function namesFor(me: string | undefined): NameOf {
  const names: Partial<Record<Author['via'], string>> = {
    collab: 'a guest',
    agent: 'another session',
    system: 'PizzaPi',
  };
  return ({ via, name, userId }) => {
    const isMe = userId === me && via !== 'collab' && via !== 'agent' && via !== 'system';
    return isMe ? undefined : (name ?? names[via] ?? 'the owner');
  };
}
