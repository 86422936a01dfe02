#!/usr/bin/env node
import { CREDENTIALS_OPTIONS, readOptions, redactText } from '@pizzapi/process';
import { toErrorInfo } from '@pizzapi/protocol';
import { writeCredentials } from './writeCredentials.js';

/** The program that `pizzapi credentials` runs. Its options are variables, beside `--json`. */
const WORDS = { created: 'Created', changed: 'Changed', kept: 'Kept' };
try {
  const options = readOptions(CREDENTIALS_OPTIONS, {}, process.env);
  const files = writeCredentials(options);
  const lines = process.argv.includes('--json')
    ? [JSON.stringify({ folder: options.folder, files })]
    : files.map(({ file, change }) => `${WORDS[change]} ${file}`);
  process.stdout.write(`${lines.join('\n')}\n`);
} catch (error) {
  const { code, message } = toErrorInfo(error);
  process.stderr.write(`${code}: ${redactText(message)}\n`);
  process.exitCode = code === 'bad_option' ? 2 : 1;
}
