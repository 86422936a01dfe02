import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { BuiltImage } from './images.js';

export interface StartOptions {
  env?: Readonly<Record<string, string>>;
  /** The words after the entry point, in place of those of the image. */
  args?: readonly string[];
  /** Another program, in place of that of the image. */
  command?: readonly string[];
  /** Another user than that of the image, as `<uid>:<gid>`. */
  user?: string;
  /** Folders of this machine by their place in the container. */
  volumes?: Readonly<Record<string, string>>;
  /** The folder of the secrets. Each file of it is mounted in /run/secrets, as Compose does. */
  secrets?: string;
}

/** A process of an image. */
export interface Container {
  /** What it printed. */
  output(): string;
  /** The id, outside of the container, of its first process. */
  pid(): number;
  exited: Promise<number | null>;
  kill(): Promise<void>;
}

/**
 * Mounts the image read-only, with a writable /tmp, and becomes the user of the image in a namespace of process ids. The
 * first process of the container is that of the image. The network is that of this machine.
 */
const SCRIPT = `set -eu
root=$1 secrets=$2 wd=$3 uid=$4 gid=$5; shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/secrets"
if [ -n "$secrets" ]; then
  for file in "$secrets"/*; do
    touch "$root/run/secrets/\${file##*/}"
    mount --bind "$file" "$root/run/secrets/\${file##*/}"
  done
fi
while [ "$1" != -- ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; shift 2; done
shift
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --root="$root" --wd="$wd" --setgid="$gid" --setuid="$uid" -- "$@"`;

/** Starts an image as a container does: as its user, on a root that is read-only. */
export function startContainer(image: BuiltImage, options: StartOptions = {}): Container {
  const { config } = image;
  const { env = {}, args, volumes = {}, secrets = '', user = config.user } = options;
  const [uid = '', gid = ''] = user.split(':');
  const own = args === undefined ? config.command : [...config.command.slice(0, entryLength(image)), ...args];
  const command = options.command ?? own;
  const mounts = Object.entries(volumes).flatMap(([place, folder]) => [folder, place]);
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--pid', '--fork', '--kill-child=SIGKILL', 'sh', '-c', SCRIPT, 'container'],
      ...[image.folder, secrets, '/tmp', uid, gid, ...mounts, '--'],
      ...[
        '/usr/bin/env',
        '-i',
        ...Object.entries({ PATH, ...config.env, ...env }).map(([name, value]) => `${name}=${value}`),
      ],
      ...command,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (text += part.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return {
    output: () => text,
    pid: () => firstProcess(child),
    exited,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The words of the entry point: all but those of the command, which stand behind the program. */
function entryLength({ config }: BuiltImage): number {
  return config.command.findIndex((word) => /\.m?js$/.test(word)) + 1;
}

/** Returns the process id, outside of the container, of its first process. */
function firstProcess({ pid }: ChildProcess): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return Number(children[0]);
}

/** Runs the health check of an image beside its container, and returns the exit code. */
export async function healthOf(image: BuiltImage, env: Readonly<Record<string, string>>): Promise<number | null> {
  return startContainer(image, { env, command: image.config.healthcheck }).exited;
}
