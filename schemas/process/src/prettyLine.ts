const COLOURS: Readonly<Record<string, string>> = { debug: '90', info: '36', warn: '33', error: '31' };
const OWN = new Set(['level', 'time', 'pid', 'name', 'msg', 'err', 'error']);

/** One JSON log line as a person reads it: time, level, who, what, and the facts as `key=value`. */
export function prettyLine(json: string): string {
  const line = parse(json);
  if (line === undefined) return json;
  const level = String(line['level']);
  const time = String(line['time']).slice(11, 23);
  const facts = Object.entries(line)
    .filter(([key]) => !OWN.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const failure = (line['err'] ?? line['error']) as { stack?: string; message?: string } | string | undefined;
  const cause = typeof failure === 'object' ? (failure.stack ?? failure.message) : failure;
  const trace = cause === undefined ? '' : `\n  ${cause.replaceAll('\n', '\n  ')}`;
  return `\x1b[90m${time}\x1b[0m \x1b[${COLOURS[level] ?? '0'}m${level.padEnd(5)}\x1b[0m ${String(line['name'])}: ${String(line['msg'])}\x1b[90m${facts.join('')}\x1b[0m${trace}\n`;
}

function parse(json: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
