import { setTimeout as delay } from 'node:timers/promises';
import { homeLayout, readPrivateFile } from '@pizzapi/process';
import {
  describePi,
  isMap,
  numberAt,
  PI_SOURCES,
  sessionPiOf,
  stringAt,
  visibleText,
  type ErrorInfo,
  type RunnerPi,
  type UnknownMap,
} from '@pizzapi/protocol';

/** How long the list of the gateway may lag behind the start of the runner, and the pause between two requests, in ms. */
const LAG_MS = 5_000;
const POLL_MS = 50;
/** How long the gateway may take to answer, in ms. */
const ANSWER_MS = 3_000;

/**
 * Asks the gateway for the pi of the runner of this home, as the runner that started after `since` states it. Undefined
 * when it does not state it.
 */
export async function findRunnerPi(
  gateway: string,
  token: string,
  home: string,
  since: number,
): Promise<RunnerPi | undefined> {
  try {
    const identity = await readPrivateFile(homeLayout(home).runnerIdentityFile);
    const runnerId = isMap(identity) ? identity['runnerId'] : undefined;
    for (const until = Date.now() + LAG_MS; Date.now() < until; await delay(POLL_MS)) {
      const runner = (await listRunners(gateway, token)).find((one) => one['runnerId'] === runnerId);
      if (runner === undefined) return undefined;
      // The row of the runner that ran before is shown until the new one is projected.
      if ((numberAt(runner, 'startedAt') ?? 0) >= since) return statedPi(runner['pi']);
    }
  } catch {
    // An earlier version of the gateway, or one that stops. The start does not depend on it.
  }
  return undefined;
}

async function listRunners(gateway: string, token: string): Promise<UnknownMap[]> {
  const reply = await fetch(`${gateway}/api/runners`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const body: unknown = await reply.json();
  const runners: unknown[] = isMap(body) && Array.isArray(body['runners']) ? body['runners'] : [];
  return runners.filter(isMap);
}

/** Returns the lines about pi in the text of the start, with what the person can do. */
export function piLines(pi: RunnerPi | undefined, warnings: readonly ErrorInfo[]): string[] {
  const place = pi?.path ?? 'part of PizzaPi';
  return [
    ...(pi === undefined ? [] : [`  Sessions run on:  ${visibleText(`${describePi(pi)}, ${place}`)}`]),
    ...warnings.map(({ message }) => `  Warning:          ${visibleText(message)}`),
  ];
}

function statedPi(pi: unknown): RunnerPi | undefined {
  const shared = sessionPiOf(pi);
  if (!isMap(pi) || shared === undefined) return undefined;
  const source = PI_SOURCES.find((known) => known === pi['source']) ?? 'bundled';
  return { ...shared, source, path: stringAt(pi, 'path') ?? null };
}
