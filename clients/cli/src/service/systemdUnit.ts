import type { ServiceSpec } from './serviceSpec.js';

/** Name of the unit of a runner. */
export const UNIT = 'pizzapi-runner.service';

/**
 * Returns the unit of a runner for the systemd of one account. The sessions are processes of their own, which outlive a restart
 * of the runner; systemd must not stop them with it. A systemd before 254 does not know growing pauses: there they stay 5 s.
 */
export function systemdUnit({ command: [program, ...args], env }: ServiceSpec): string {
  // systemd replaces variables in the arguments, but not in the path of the program.
  const words = [quoted(program), ...args.map((arg) => quoted(arg).replaceAll('$', '$$$$'))];
  return `# Written by \`pizzapi runner install\`, which replaces it.
[Unit]
Description=PizzaPi runner
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${words.join(' ')}
${Object.entries(env)
  .map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`)
  .join('\n')}
WorkingDirectory=~
KillMode=process
Restart=always
RestartSec=5
RestartSteps=6
RestartMaxDelaySec=60
TimeoutStopSec=30
SyslogIdentifier=pizzapi-runner

[Install]
WantedBy=default.target
`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '%': '%%' };

/** Returns a text as one word of a unit: quoted, without escapes of C and specifiers of systemd. */
function quoted(text: string): string {
  const escaped = text.replace(/[\\"%]/g, (char) => ESCAPES[char]!);
  // eslint-disable-next-line no-control-regex -- A line break would begin another setting.
  return `"${escaped.replace(/[\x00-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
}
