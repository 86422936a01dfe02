/** How fast the demo model speaks. */
export interface DemoSpeed {
  /** Characters per second; Infinity is as fast as it goes. */
  charsPerSecond: number;
  /** Seconds that its shell commands sleep between lines. */
  shellPause: number;
}

const SPEEDS: Readonly<Record<string, DemoSpeed>> = {
  instant: { charsPerSecond: Infinity, shellPause: 0 },
  fast: { charsPerSecond: 4_000, shellPause: 0.05 },
  human: { charsPerSecond: 450, shellPause: 0.4 },
};

/** Reads `PIZZAPI_DEMO_SPEED`: `instant`, `fast`, `human` (the default) or a number of characters per second. */
export function demoSpeed(value: string | undefined): DemoSpeed {
  const number = Number(value);
  if (value !== undefined && value !== '' && number > 0)
    return { charsPerSecond: number, shellPause: Math.min(0.4, 200 / number) };
  return SPEEDS[value ?? 'human'] ?? SPEEDS['human']!;
}
