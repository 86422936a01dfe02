import { concat, encode } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { run } from '../testing/run.js';
import { jsonLines } from '../decoding.js';

describe('decode', () => {
  it('decode prints each of several msgpack values as a line of JSON', async () => {
    const stdin = concat([
      encode({ type: 'agent_start', at: 1 }),
      encode({ text: 'Grüße\n', bytes: Uint8Array.of(1, 2) }),
    ]);
    const { code, stdout } = await run(['decode'], { stdin });
    expect(code).toBe(0);
    expect(stdout).toBe('{"type":"agent_start","at":1}\n{"text":"Grüße\\n","bytes":"AQI="}\n');
  });

  it('decode prints nothing for an empty message, and prints JSON unchanged', () => {
    expect(jsonLines(new Uint8Array())).toEqual([]);
    expect(jsonLines(Buffer.from('{ "a": [1] }'))).toEqual(['{"a":[1]}']);
  });

  it('decode refuses bytes that are neither msgpack nor JSON', async () => {
    const { code, stdout, stderr } = await run(['decode'], { stdin: encode({ text: 'cut off' }).subarray(0, 4) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^bad_frame: These 4 bytes/);
  });
});
