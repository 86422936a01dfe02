import { CodedError } from '@pizzapi/protocol';
import type { ServiceSpec } from './serviceSpec.js';

/** Label of the agent of a runner. */
export const LABEL = 'pizzapi.runner';

/**
 * Returns the property list of a runner for the launchd of one account. launchd waits 10 s between two starts, and leaves the
 * sessions, which are processes of their own, alone when the runner stops. Throws `bad_option` for a text that XML cannot hold.
 */
export function launchdPlist({ command, env, folder }: ServiceSpec, logFile: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  ${text(LABEL)}
  <key>ProgramArguments</key>
  <array>
${command.map((word) => `    ${text(word)}`).join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${Object.entries(env)
  .map(([name, value]) => `    <key>${escaped(name)}</key>\n    ${text(value)}`)
  .join('\n')}
  </dict>
  <key>WorkingDirectory</key>
  ${text(folder)}
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>StandardOutPath</key>
  ${text(logFile)}
  <key>StandardErrorPath</key>
  ${text(logFile)}
</dict>
</plist>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' };
/** What XML 1.0 cannot hold, not even as an entity. */
// eslint-disable-next-line no-control-regex -- XML 1.0 has no way to write these characters.
const UNHOLDABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;

const text = (value: string): string => `<string>${escaped(value)}</string>`;

function escaped(value: string): string {
  if (UNHOLDABLE.test(value))
    throw new CodedError('bad_option', `launchd cannot take the text ${JSON.stringify(value.slice(0, 100))}`);
  return value.replace(/[&<>\r]/g, (char) => ENTITIES[char]!);
}
