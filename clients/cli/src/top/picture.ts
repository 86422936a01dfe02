import { formatBytes } from '@pizzapi/protocol';
import { displayWidth, padToWidth } from '../displayWidth.js';
import { paint, toSafeLine, type Io } from '../io.js';
import type { TopSample } from './sample.js';

/** From this width on the table has all columns. */
const WIDE = 76;
const GAP = '  ';
/** The name of a host takes what the numbers leave, and at least so much. */
const MIN_NAME = 8;

export interface PictureSize {
  columns: number;
  /** Lines that the terminal shows; undefined = no limit. */
  rows?: number | undefined;
}

type Host = TopSample['hosts'][number];
interface Column {
  title: string;
  /** Only where there is room. */
  isWide?: true;
  text: (host: Host) => string;
}

const NONE = '-';
const loaded =
  (text: (load: NonNullable<Host['load']>) => string) =>
  ({ load }: Host): string =>
    load === undefined ? NONE : text(load);

const COLUMNS: readonly Column[] = [
  { title: 'WORK', text: loaded(({ working }) => String(working)) },
  { title: 'AWAKE', text: loaded(({ awake }) => String(awake)) },
  { title: 'ASLEEP', isWide: true, text: loaded(({ asleep }) => String(asleep)) },
  { title: 'EV/S', text: ({ eventsPerSecond }) => shortNumber(eventsPerSecond) },
  { title: 'SPOOL', text: loaded(({ spoolBytes }) => (spoolBytes === 0 ? '0' : formatBytes(spoolBytes))) },
  { title: 'PAUSED', isWide: true, text: loaded(({ paused }) => String(paused)) },
  { title: 'VERSION', isWide: true, text: ({ version, kind }) => (kind === 'tui' ? 'terminal' : (version ?? NONE)) },
];

/** Returns a picture of a relay as lines of a terminal: no line is wider, and there are no more lines than it shows. */
export function pictureOf(sample: TopSample, { columns, rows }: PictureSize, io: Pick<Io, 'colour'>): string[] {
  const head = flow(factsOf(sample), columns, io);
  const room = rows === undefined ? Number.POSITIVE_INFINITY : Math.max(0, rows - head.length - 2);
  return [...head, '', ...tableOf(sample, columns, room, io)];
}

interface Fact {
  text: string;
  style?: 'yellow' | 'red' | 'bold' | 'dim';
}

function factsOf({ at, gateway, sessions, projections, storage, rates, hosts, moreHosts }: TopSample): Fact[] {
  const { viewers, unsentBytes } = gateway;
  const all = viewers.greeted + viewers.filling + viewers.slow + viewers.live;
  const lag = projections.reduce((most, one) => Math.max(most, one.lag), 0);
  return [
    { text: `PizzaPi ${toSafeLine(gateway.version, 20)}`, style: 'bold' },
    { text: new Date(at).toTimeString().slice(0, 8), style: 'dim' },
    { text: `hosts ${hosts.length + moreHosts}` },
    { text: `sessions ${sessions}` },
    { text: `viewers ${all}` },
    { text: `slow ${viewers.slow}`, ...(viewers.slow > 0 ? { style: 'yellow' } : {}) },
    { text: `catching up ${viewers.filling}` },
    { text: `lag ${lag}`, ...(lag > 1_000 ? { style: 'yellow' } : {}) },
    { text: `in ${shortNumber(rates?.received)}/s` },
    { text: `out ${shortNumber(rates?.delivered)}/s` },
    { text: `${rates === undefined ? NONE : formatBytes(rates.bytes)}/s` },
    { text: `unsent ${unsentBytes === 0 ? '0' : formatBytes(unsentBytes)}` },
    ...storage.map(({ of, used, limit }): Fact => {
      const what = of === 'log_of_relay' ? 'log' : 'files';
      const isFull = limit > 0 && used / limit > 0.85;
      const most = limit === 0 ? '' : ` of ${formatBytes(limit)}`;
      return { text: `${what} ${formatBytes(used)}${most}`, ...(isFull ? { style: 'red' } : {}) };
    }),
  ];
}

/** Puts facts side by side into lines that are no wider than the terminal. */
function flow(facts: readonly Fact[], columns: number, io: Pick<Io, 'colour'>): string[] {
  const lines: string[] = [];
  let width = 0;
  for (const { text, style } of facts) {
    const own = displayWidth(text);
    const fact = style === undefined ? text : paint(io, style, text);
    if (lines.length > 0 && width + GAP.length + own <= columns) {
      lines[lines.length - 1] += GAP + fact;
      width += GAP.length + own;
    } else {
      lines.push(fact);
      width = own;
    }
  }
  return lines;
}

function tableOf({ hosts, moreHosts }: TopSample, columns: number, room: number, io: Pick<Io, 'colour'>): string[] {
  if (hosts.length === 0) return ['No host is online. Start one with `pizzapi runner`.'];
  const shown = COLUMNS.filter(({ isWide }) => isWide !== true || columns >= WIDE);
  const sorted = [...hosts].sort((a, b) => urgencyOf(b) - urgencyOf(a));
  const isCut = sorted.length + moreHosts > room;
  const fitting = sorted.slice(0, isCut ? Math.max(0, room - 1) : sorted.length);
  const cells = fitting.map((host) => shown.map(({ text }) => toSafeLine(text(host), 12)));
  const widths = shown.map(({ title }, at) => Math.max(title.length, ...cells.map((row) => displayWidth(row[at]!))));
  const numbers = widths.reduce((sum, width) => sum + GAP.length + width, 0);
  const nameWidth = Math.max(MIN_NAME, Math.min(32, columns - numbers));
  const lineOf = (name: string, row: readonly string[]): string =>
    [padToWidth(cut(name, nameWidth), nameWidth), ...row.map((cell, at) => padLeft(cell, widths[at]!))].join(GAP);
  const heading = paint(
    io,
    'dim',
    lineOf(
      'HOST',
      shown.map(({ title }) => title),
    ),
  );
  const lines = fitting.map((host, index) => {
    const line = lineOf(toSafeLine(host.name === '' ? host.runnerId : host.name), cells[index]!);
    return urgencyOf(host) > 0 ? paint(io, (host.load?.paused ?? 0) > 0 ? 'red' : 'yellow', line) : line;
  });
  const left = sorted.length + moreHosts - fitting.length;
  return [heading, ...lines, ...(left > 0 ? [paint(io, 'dim', `… ${left} more`)] : [])];
}

/** Hosts with a problem come first: those whose sessions stand still, then those whose events wait. */
const urgencyOf = ({ load }: Host): number =>
  load === undefined ? 0 : load.paused > 0 ? 2 : load.spoolBytes > 1024 * 1024 ? 1 : 0;

const padLeft = (text: string, width: number): string => ' '.repeat(Math.max(0, width - displayWidth(text))) + text;

function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  for (const char of text) {
    if (displayWidth(kept + char) > width - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

/** `12.5`, `480`, `12.3k`, `1.2M` */
function shortNumber(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)}M`;
  if (value >= 10_000) return `${(value / 1_000).toFixed(1)}k`;
  return value >= 100 ? String(Math.round(value)) : String(value);
}
