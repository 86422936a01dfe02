import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { OPTIONS } from './catalog.js';
import { addOptions, defineOptions, optionsTable, readOptions, type OptionsSpec } from './options.js';

const SPEC = defineOptions({
  home: OPTIONS.home,
  port: OPTIONS.port,
  natsUrl: OPTIONS.natsUrl,
  logLevel: OPTIONS.logLevel,
  publicUrl: OPTIONS.publicUrl,
  open: { env: 'PIZZAPI_OPEN', flag: '--no-open', help: 'Do not open the browser', type: 'boolean', default: true },
  roots: { env: 'PIZZAPI_ROOTS', flag: '--roots <folder...>', help: 'Where sessions may start', type: 'paths' },
});

/** The flags as commander hands them over for these words. */
function flags(...words: string[]): Record<string, unknown> {
  const command = addOptions(new Command('test'), SPEC).exitOverride();
  return command.parse(words, { from: 'user' }).opts();
}

function failure(spec: OptionsSpec, given: Record<string, unknown>, env: NodeJS.ProcessEnv): CodedError {
  try {
    readOptions(spec, given, env);
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

describe('options', () => {
  it('take the flag before the variable before the default', () => {
    const env = { PIZZAPI_PORT: '2', PIZZAPI_OPEN: 'yes' };
    expect(readOptions(SPEC, flags('--port', '1', '--no-open'), env)).toMatchObject({ port: 1, open: false });
    expect(readOptions(SPEC, flags(), env)).toMatchObject({ port: 2, open: true });
    expect(readOptions(SPEC, flags(), { PIZZAPI_OPEN: 'off' })).toMatchObject({ port: 7492, open: false });
  });

  it('read sizes as people write them, and show them so', () => {
    const { linkStorage } = OPTIONS;
    const sizes = defineOptions({ linkStorage });
    const sizeOf = (text: string) => readOptions(sizes, {}, { PIZZAPI_LINK_STORAGE: text }).linkStorage;
    expect([sizeOf('1.5 GiB'), sizeOf('300M'), sizeOf('0'), sizeOf('')]).toEqual([
      1.5 * 1024 ** 3,
      300 * 1024 ** 2,
      0,
      200 * 1024 ** 2,
    ]);
    expect(failure(sizes, { linkStorage: 'much' }, {}).message).toContain(
      '--link-storage is "much", but takes a size such as 500 MiB or 20 GiB',
    );
    expect(optionsTable(sizes)).toContain('| `200 MiB` |');
  });

  it('read a secret from the file that its variable with _FILE names, without the line break at its end', () => {
    const secrets = defineOptions({ natsNkey: OPTIONS.natsNkey, runnerToken: OPTIONS.runnerToken, port: OPTIONS.port });
    const folder = mkdtempSync(join(tmpdir(), 'pizzapi-options-'));
    try {
      const file = join(folder, 'nkey');
      writeFileSync(file, 'SUSEED\n');
      const env = { PIZZAPI_NATS_NKEY_FILE: file, PIZZAPI_RUNNER_TOKEN_FILE: '', PIZZAPI_PORT_FILE: file };
      expect(readOptions(secrets, {}, env)).toEqual({ natsNkey: 'SUSEED', runnerToken: undefined, port: 7492 });
      expect(failure(secrets, {}, { ...env, PIZZAPI_NATS_NKEY: 'SUOTHER' }).message).toContain(
        'Set PIZZAPI_NATS_NKEY or PIZZAPI_NATS_NKEY_FILE, not both.',
      );
      writeFileSync(file, 'pzr_a b\n');
      const bad = failure(secrets, {}, { PIZZAPI_RUNNER_TOKEN_FILE: file }).message;
      expect(bad).toContain('PIZZAPI_RUNNER_TOKEN_FILE holds a space');
      expect(bad).not.toContain('pzr_a');
      writeFileSync(file, '\n');
      expect(failure(secrets, {}, { PIZZAPI_NATS_NKEY_FILE: file }).message).toContain('which is empty');
      expect(failure(secrets, {}, { PIZZAPI_NATS_NKEY_FILE: folder }).message).toContain(
        `PIZZAPI_NATS_NKEY_FILE names ${folder}, which cannot be read (EISDIR)`,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(optionsTable(secrets)).toContain('or `PIZZAPI_NATS_NKEY_FILE`: a file with it');
  });

  it('count an empty variable as not set', () => {
    expect(readOptions(SPEC, flags(), { PIZZAPI_PORT: '' }).port).toBe(7492);
  });

  it('are undefined without a value and a default', () => {
    expect(readOptions(SPEC, flags(), {}).publicUrl).toBeUndefined();
  });

  it('make a path absolute, but not a word that is no path', () => {
    const spec = defineOptions({ pi: OPTIONS.pi });
    expect(readOptions(spec, { pi: 'tools/pi' }, {}).pi).toBe(resolve('tools/pi'));
    expect(readOptions(spec, { pi: 'bundled' }, {}).pi).toBe('bundled');
    expect(readOptions(spec, {}, { PIZZAPI_PI: '~/pi' }).pi).toBe(join(homedir(), 'pi'));
  });

  it('make folders absolute and know the home folder', () => {
    const { home, roots } = readOptions(SPEC, flags('--roots', '~', '/srv/../tmp'), {});
    expect(home).toBe(join(homedir(), '.pizzapi'));
    expect(roots).toEqual([homedir(), '/tmp']);
    expect(readOptions(SPEC, {}, { PIZZAPI_ROOTS: ['/a', '/b'].join(delimiter) }).roots).toEqual(['/a', '/b']);
  });

  it.each([
    [{ PIZZAPI_PORT: 'http' }, 'PIZZAPI_PORT is "http", but takes a whole number from 0 to 65535'],
    [{ PIZZAPI_PORT: '70000' }, 'PIZZAPI_PORT is "70000"'],
    [{ PIZZAPI_PORT: '1.5' }, 'PIZZAPI_PORT is "1.5"'],
    [{ PIZZAPI_NATS_URL: 'localhost' }, 'PIZZAPI_NATS_URL is "localhost", but takes an address'],
    [{ PIZZAPI_LOG_LEVEL: 'loud' }, 'PIZZAPI_LOG_LEVEL is "loud", but takes one of debug, info'],
    [{ PIZZAPI_OPEN: 'maybe' }, 'PIZZAPI_OPEN is "maybe", but takes true or false'],
  ])('refuse %j with the name of the variable', (env, sentence) => {
    const error = failure(SPEC, {}, env);
    expect(error.code).toBe('bad_option');
    expect(error.message).toContain(sentence);
  });

  it.each([
    'https://h/api',
    'https://h/?a=1',
    'https://h?a',
    'https://h/#x',
    'https://me@h',
    'nats://h',
    'h',
    'https://a,https://b',
  ])('refuse the address of a page that does not work there: %s', (url) => {
    const error = failure(SPEC, flags('--public-url', url), {});
    expect(error).toMatchObject({ code: 'bad_option' });
    expect(error.message).toContain(
      `--public-url is "${url}", but takes an address such as https://pizza.example or https://example.org/pizza; a path`,
    );
    expect(failure(SPEC, {}, { PIZZAPI_PUBLIC_URL: url }).message).toContain('PIZZAPI_PUBLIC_URL is');
  });

  it('read the address of a page as browsers write its origin', () => {
    const of = (url: string) => readOptions(SPEC, flags('--public-url', url), {}).publicUrl;
    expect(of('https://Pizza.example:443/')).toBe('https://pizza.example');
    expect(of('http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080');
  });

  it('refuse a query in any address', () => {
    expect(failure(SPEC, flags('--nats-url', 'nats://h?x=1'), {}).message).toContain('but takes an address');
  });

  it('name the flag when the bad value came from it', () => {
    expect(failure(SPEC, flags('--port', '-4'), { PIZZAPI_PORT: '1' }).message).toContain('--port is "-4"');
  });

  it('appear in --help with their variable and default', () => {
    const help = addOptions(new Command('pizzapi'), SPEC).configureHelp({ helpWidth: 110 }).helpInformation();
    expect(help).toMatchInlineSnapshot(`
      "Usage: pizzapi [options]

      Options:
        --home <folder>      Folder for all state of a local run (default: ~/.pizzapi, env: PIZZAPI_HOME)
        --port <number>      Port of the gateway; 0 takes a free port (default: 7492, env: PIZZAPI_PORT)
        --nats-url <url>     Address of nats-server; separate several by commas (default: nats://127.0.0.1:4222,
                             env: PIZZAPI_NATS_URL)
        --log-level <level>  Lowest level that is logged: debug, info, warn, error, silent (default: info, env:
                             PIZZAPI_LOG_LEVEL)
        --public-url <url>   Address of the page, when it differs from host and port; a path below a host works too
                             (env: PIZZAPI_PUBLIC_URL)
        --no-open            Do not open the browser (default: true, env: PIZZAPI_OPEN)
        --roots <folder...>  Where sessions may start (env: PIZZAPI_ROOTS)
        -h, --help           display help for command
      "
    `);
  });

  it('make the rows of the table in the README', () => {
    expect(optionsTable({ port: OPTIONS.port, natsUser: OPTIONS.natsUser })).toMatchInlineSnapshot(`
      "| variable | flag | what | default |
      |---|---|---|---|
      | \`PIZZAPI_PORT\` | \`--port <number>\` | Port of the gateway; 0 takes a free port | \`7492\` |
      | \`PIZZAPI_NATS_USER\` |  | User name at nats-server |  |"
    `);
  });

  it('of the catalog have a variable and a flag of their own each', () => {
    const all = Object.values(OPTIONS as OptionsSpec);
    expect(new Set(all.map((option) => option.env)).size).toBe(all.length);
    expect(all.every((option) => option.env.startsWith('PIZZAPI_'))).toBe(true);
    const named = all.flatMap((option) => option.flag ?? []);
    expect(new Set(named).size).toBe(named.length);
  });
});
