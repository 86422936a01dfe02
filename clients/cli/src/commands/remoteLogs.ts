import type { MethodRequest, RunnerLogPage } from '@pizzapi/protocol';
import type { Api } from '@pizzapi/session-client';
import { Failure, interruptible, jsonLine, line, toSafeLine, type Io } from '../io.js';
import { isPassing } from '../runOnHost.js';

/** How long a request waits for a further line, in ms. */
const WAIT_MS = 20_000;
const AGAIN_MS = 1_000;
/** How long the runner may be out of reach before it is given up, in ms: it may be restarting. */
const OUT_OF_REACH_MS = 60_000;

export interface LogChoice {
  /** How many of the last lines are printed. */
  lines: number;
  follow: boolean;
}

/** A line as a terminal can show it. One that was cut is no JSON any more. */
function shown(text: string): string {
  try {
    return jsonLine(JSON.parse(text));
  } catch {
    return toSafeLine(text);
  }
}

/** Prints the end of the log of a runner, and with `follow` what comes, until Ctrl-C. */
export async function printRunnerLog(
  io: Io,
  api: Pick<Api, 'runnerCall'>,
  rid: string,
  { lines, follow }: LogChoice,
): Promise<void> {
  await interruptible(io, async (signal) => {
    let page = await read({ lines });
    for (;;) {
      if (page === undefined) return;
      if (page.skipped !== undefined) line(io.stderr, `${page.skipped} lines are not kept any more`);
      for (const text of page.lines) line(io.stdout, shown(text));
      if (!follow) return;
      page = await read({ logId: page.logId, after: page.next, waitMs: WAIT_MS });
    }

    /** Undefined: the person has ended it. */
    async function read(request: MethodRequest<'read_log'>): Promise<RunnerLogPage | undefined> {
      let failingSince: number | undefined;
      for (;;) {
        const answer = await api.runnerCall(rid, 'read_log', request, { signal });
        if (signal.aborted) return undefined;
        if (answer.kind === 'ok') return answer.value;
        failingSince ??= Date.now();
        const mayPass = follow && request.after !== undefined && isPassing(answer.error.code);
        if (!mayPass || Date.now() - failingSince > OUT_OF_REACH_MS) throw new Failure(answer.error);
        await io.sleep(AGAIN_MS, signal);
      }
    }
  });
}
