// A process of its own that watches a folder which no request may reach: `node canaryWatcher.mjs <folder>`. It answers each
// message with what has happened in the folder since the last one.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, utimesSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const folder = process.argv[2];
/** A time of access before every time of change: the next read sets another one, also with `relatime`. */
const UNREAD = new Date('2001-01-01T00:00:00Z');
/** The file system tells of an event later than it happens, in ms. */
const NOTICED_MS = 100;

const below = (path) => [
  path,
  ...(lstatSync(path).isDirectory() ? readdirSync(path).flatMap((name) => below(join(path, name))) : []),
];
const mayBeRead = (path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === false;

/** All that can be changed of an entry. */
function stateOf(path) {
  const stat = lstatSync(path);
  const content = stat.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
  const leadsTo = stat.isSymbolicLink() ? readlinkSync(path) : '';
  return [stat.ino, stat.mode, stat.uid, stat.gid, stat.nlink, stat.size, stat.mtimeMs, content, leadsTo].join(' ');
}

let known = new Map();
const noticed = new Set();

function remember() {
  const paths = below(folder);
  const markUnread = () => {
    for (const path of paths.filter(mayBeRead)) utimesSync(path, UNREAD, lstatSync(path).mtime);
  };
  // Before, because the time of change loses what is below a millisecond, and after all was read.
  markUnread();
  known = new Map(paths.map((path) => [path, stateOf(path)]));
  markUnread();
}

/** The times of access first: what follows reads everything. */
function happened() {
  const read = [...known.keys()].filter((path) => mayBeRead(path) && lstatSync(path).atimeMs !== UNREAD.getTime());
  const now = new Map(below(folder).map((path) => [path, stateOf(path)]));
  const changed = [...new Set([...known.keys(), ...now.keys()])].filter((path) => known.get(path) !== now.get(path));
  return { read, changed, noticed: [...noticed] };
}

/** Drops the events of what this process does itself. */
async function begin() {
  remember();
  await delay(NOTICED_MS);
  noticed.clear();
}

const folders = below(folder).filter((path) => lstatSync(path).isDirectory());
const watches = folders.map((path) => watch(path, (kind, name) => noticed.add(`${kind} ${join(path, name ?? '')}`)));
process.on('message', async () => {
  await delay(NOTICED_MS);
  const report = happened();
  await begin();
  process.send(report);
});
process.on('disconnect', () => watches.forEach((one) => one.close()));
await begin();
process.send('ready');
