import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, type TopReply } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { EXIT, Failure, interruptible, jsonLine, line, paint, toSafeLine, type Io } from '../io.js';
import { pictureOf } from '../top/picture.js';
import { sampleOf, type TopSample } from '../top/sample.js';
import { unwrapResult } from '../unwrapResult.js';

interface TopFlags extends Record<string, unknown> {
  interval: string;
  once?: true;
  json?: true;
}

/** Between the two pictures of `--once`, in ms: a rate needs both. */
const ONCE_MS = 1_000;
/** The width of a picture that goes to no terminal. */
const WIDTH_OF_FILES = 100;

/** Answers after which no other attempt helps. */
const FINAL: readonly string[] = ['unauthenticated', 'forbidden'];

/** To the other screen and back, so that the shell's lines are there afterwards; with the cursor hidden. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

export function addTop(program: Command, { io }: CliContext): void {
  addOptions(program.command('top'), GATEWAY_OPTIONS)
    .description(
      'Show what a relay does now: sessions, events, viewers, lag, and each host with its spool (admins only)',
    )
    .option('--interval <seconds>', 'Time between two pictures, 1 to 60', '2')
    .option('--once', 'Print one picture and end')
    .option('--json', 'Print one line of JSON for each picture, with the rates for each second')
    .addHelpText(
      'after',
      `${examples('pizzapi top', 'pizzapi top --once', "pizzapi top --json | jq '.rates.received'")}

Viewers and events are those of the gateway that answers; hosts, sessions and lag are those of the whole relay.
Ctrl-C ends it.`,
    )
    .action(async (flags: TopFlags) => {
      const seconds = /^\d{1,2}$/.test(flags.interval) ? Number(flags.interval) : 0;
      if (seconds < 1 || seconds > 60) {
        const what = `--interval is "${flags.interval.slice(0, 40)}", but takes 1 to 60`;
        throw new Failure(errorInfo('bad_option', what), EXIT.usage);
      }
      const gateway = gatewayOf(flags, io);
      const read = () => unwrapResult(gateway, gateway.api.top());
      const { once, json } = flags;
      await interruptible(io, (signal) =>
        once === true
          ? printOnce(io, read, json === true, signal)
          : follow(io, read, { json: json === true, pauseMs: seconds * 1_000, signal }),
      );
    });
}

async function printOnce(io: Io, read: () => Promise<TopReply>, json: boolean, signal: AbortSignal): Promise<void> {
  const first = await read();
  await io.sleep(ONCE_MS, signal);
  if (signal.aborted) return;
  print(io, sampleOf(await read(), first), json);
}

async function follow(
  io: Io,
  read: () => Promise<TopReply>,
  { json, pauseMs, signal }: { json: boolean; pauseMs: number; signal: AbortSignal },
): Promise<void> {
  const inPlace = !json && io.terminal.columns !== undefined;
  let before = await read();
  let sample: TopSample = before;
  let problem: string | undefined;
  if (inPlace) io.stdout.write(ENTER);
  try {
    for (;;) {
      if (inPlace) draw(io, sample, problem);
      else if (problem === undefined) print(io, sample, json);
      else line(io.stderr, problem);
      await io.sleep(pauseMs, signal);
      if (signal.aborted) return;
      const next = await attempt(read);
      problem = next.kind === 'failed' ? next.problem : undefined;
      if (next.kind === 'failed') continue;
      sample = sampleOf(next.reply, before);
      before = next.reply;
    }
  } finally {
    if (inPlace) io.stdout.write(LEAVE);
  }
}

/** A gateway that restarts is waited for. Throws where another attempt does not help. */
async function attempt(
  read: () => Promise<TopReply>,
): Promise<{ kind: 'read'; reply: TopReply } | { kind: 'failed'; problem: string }> {
  try {
    return { kind: 'read', reply: await read() };
  } catch (thrown) {
    if (!(thrown instanceof Failure) || FINAL.includes(thrown.info.code)) throw thrown;
    return { kind: 'failed', problem: `${thrown.info.code}: ${thrown.info.message}` };
  }
}

/** Writes over the last picture, line by line, so that nothing flickers. */
function draw(io: Io, sample: TopSample, problem: string | undefined): void {
  const { columns = WIDTH_OF_FILES, rows } = io.terminal;
  const picture = pictureOf(sample, { columns, rows: rows === undefined ? rows : rows - 1 }, io);
  const lines = problem === undefined ? picture : [...picture, paint(io, 'red', toSafeLine(problem, columns))];
  io.stdout.write(`${HOME}${lines.map((text) => `${text}${CLEAR_LINE}`).join('\n')}${CLEAR_BELOW}`);
}

function print(io: Io, sample: TopSample, json: boolean): void {
  if (json) return line(io.stdout, jsonLine(sample));
  for (const text of pictureOf(sample, { columns: io.terminal.columns ?? WIDTH_OF_FILES }, io)) line(io.stdout, text);
}
