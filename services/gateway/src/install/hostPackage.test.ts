import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { scriptFor } from './hostPackage.js';

it.each(["https://h/it's", "https://h/';id;'", 'https://h/$(id)`id`"\\', 'https://h/$&$1', "https://h/'\\''"])(
  'the shell reads the address %s in the script as it is, whatever it holds',
  (url) => {
    const script = scriptFor(url, `RELAY='@RELAY@'\nprintf %s "$RELAY"\n`);
    expect(execFileSync('/bin/sh', { input: script, encoding: 'utf8' })).toBe(url);
  },
);
