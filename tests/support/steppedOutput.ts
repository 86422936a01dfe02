import { mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RunningStack } from './localStack.js';

/** A command of the agent that prints `slice 1`, `slice 2` … and waits after each until the test has seen it. */
interface SteppedOutput {
  /** The input that makes the demo model call the command. */
  prompt: string;
  /** Lets the command continue after the slice of this number. */
  seen: (slice: number) => void;
}

export function steppedOutput({ home }: Pick<RunningStack, 'home'>, count: number): SteppedOutput {
  const folder = mkdtempSync(join(dirname(home), 'slices-'));
  const command = `for i in $(seq ${count}); do echo slice $i; until [ -e ${folder}/$i ]; do sleep .1; done; done`;
  return {
    prompt: `/demo call bash ${JSON.stringify({ command })}`,
    seen: (slice) => writeFileSync(join(folder, String(slice)), ''),
  };
}
