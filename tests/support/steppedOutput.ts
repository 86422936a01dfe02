import { mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LocalStack } from './localStack.js';

/** A command of the agent's that prints `slice 1`, `slice 2` … and after each waits until the test has seen it. */
interface SteppedOutput {
  /** What to say to the demo model, which then calls it. */
  prompt: string;
  /** Lets it go on behind the slice of this number. */
  seen: (slice: number) => void;
}

export function steppedOutput({ home }: Pick<LocalStack, 'home'>, count: number): SteppedOutput {
  const folder = mkdtempSync(join(dirname(home), 'slices-'));
  const command = `for i in $(seq ${count}); do echo slice $i; until [ -e ${folder}/$i ]; do sleep .1; done; done`;
  return {
    prompt: `/demo call bash ${JSON.stringify({ command })}`,
    seen: (slice) => writeFileSync(join(folder, String(slice)), ''),
  };
}
