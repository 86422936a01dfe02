import { CodedError, isOfThisMachine, type Presence, type ShareMode } from '@pizzapi/protocol';
import { sleep, type Logger, SerialQueue } from '@pizzapi/process';
import type { PiTerminal, SharedAgent, TerminalHooks } from '../pi/tui/terminal.js';
import type { ShareEnvironment, ShareLink } from '../access/index.js';
import { TerminalHost, type HostLink, type HostEnd, type TerminalPi } from './host.js';
import { viewerChanges, viewersOf, viewerText, type ShareViewer } from './viewerChanges.js';
import { SHARE_SYNTAX, type ShareSyntax } from './shareCommand.js';

/** How long the terminal waits when it closes, in ms, for the end of its session to reach the log. */
const GOODBYE_MS = 3_000;
/** How long the agent may take to stop before that, in ms. */
const CUT_OFF_MS = 1_000;
/** pi draws a session after its start, over what was there; what is to be read comes after that, in ms. */
const REDRAWN_MS = 400;

/** How often the footer looks at how much waits, in ms. */
const LOOK_EVERY_MS = 1_000;
/** So many events on their way are no news; more, and the relay does not take them as they come. */
const BEHIND = 10;
/** What stands beside a QR code, and above and below it: padding, the link, pi's editor and footer. */
const SIDE_COLUMNS = 2;
const OTHER_ROWS = 14;

const CONNECTION: Record<HostLink['state'], string> = {
  connected: 'connected',
  offline: 'offline; reconnecting',
  refused:
    'the token of this terminal was refused: it was revoked, or no authenticator answers. The terminal retries; ' +
    'to get a new token, run `pizzapi runner pair` and share again',
};

const full = ({ stop }: ShareSyntax) =>
  'The gateway was offline for so long that the spool is full, and the agent was stopped. ' +
  `Run ${stop} to continue without sharing.`;
const ROOM_AGAIN = 'The gateway is back; sharing continues.';

const MAY: Readonly<Record<ShareMode, string>> = {
  read: 'watch',
  collab: 'watch and write',
  approve: 'watch, write and approve',
};
const CAN: Readonly<Record<ShareMode, string>> = {
  read: 'can watch this session',
  collab: 'can watch this session and write',
  approve: 'can watch this session, write and approve single calls',
};

const LOCAL_ONLY =
  'The link opens on this machine only. For a phone or other people start the gateway with `npm start -- --lan`.';

/** What a terminal shares, and how. */
export interface SharedTerminal extends ShareEnvironment {
  /** The pi that the terminal runs. */
  pi: TerminalPi;
}

interface Shared {
  host: TerminalHost;
  relayUrl: string;
  links: Partial<Record<ShareMode, ShareLink>>;
  mode: ShareMode;
  viewers: readonly ShareViewer[];
  stopWatching: (() => void) | undefined;
}

/** `/share`: at most one session at a time, the one that the terminal shows. */
export class ShareController implements TerminalHooks {
  readonly #terminal: PiTerminal;
  readonly #world: SharedTerminal;
  readonly #log: () => Logger;
  readonly #syntax: ShareSyntax;
  #shared: Shared | undefined;
  /** The session whose sharing the person has ended: sharing it again continues it. */
  #ended: { agent: SharedAgent; sid: string } | undefined;
  /** One `/share` after the other. */
  readonly #requests = new SerialQueue();
  #leaving = new AbortController();
  /** What the footer says while nothing is shared. */
  #note: string | undefined;
  /** What is said in the next session, once it has started. */
  #news: string | undefined;
  #said = '';
  #wasFull = false;
  #looking: NodeJS.Timeout | undefined;

  constructor(terminal: PiTerminal, world: SharedTerminal, log: () => Logger, syntax = SHARE_SYNTAX) {
    this.#terminal = terminal;
    this.#world = world;
    this.#log = log;
    this.#syntax = syntax;
  }

  onShare(words: string): void {
    void this.#requests
      .run(() => this.#carryOut(words))
      .catch((error: unknown) => {
        this.#log().error({ err: error }, '/share failed');
        this.#fail(error instanceof Error ? error.message : String(error));
      })
      .finally(() => this.#showStatus());
  }

  onStart(): void {
    // pi has emptied its footer.
    this.#said = '';
    this.#showStatus();
    const news = this.#news;
    this.#news = undefined;
    if (news !== undefined) setTimeout(() => this.#print([this.#terminal.tint('warning', news)]), REDRAWN_MS);
  }

  async onLeave(why: 'quit' | 'replaced'): Promise<void> {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    this.#note = undefined;
    const shared = this.#shared;
    this.#shared = undefined;
    this.#ended = undefined;
    shared?.stopWatching?.();
    if (shared === undefined) return;
    // What is being said is cut off here, for pi's file and for the log alike.
    await Promise.race([this.#terminal.session?.abort(), sleep(CUT_OFF_MS)]);
    await Promise.race([shared.host.end(), sleep(GOODBYE_MS)]);
    if (why === 'quit') return;
    this.#note = `no longer shared; ${this.#syntax.share} to share this session`;
    this.#news = `The previous session is no longer shared. Type ${this.#syntax.share} to share this one.`;
  }

  onBug(error: unknown): void {
    this.#log().error({ err: error }, 'a bug in the terminal');
  }

  async #carryOut(words: string): Promise<void> {
    const { parse, share, lines } = this.#syntax;
    const wish = parse(words);
    switch (wish.kind) {
      case 'share':
        return this.#share(wish.mode);
      case 'status':
        return this.#print(this.#status());
      case 'stop':
        return this.#stop();
      case 'help':
        return this.#print(lines);
      case 'wrong':
        return this.#print([this.#terminal.tint('error', `Unknown option of ${share}: "${wish.words}"`), ...lines]);
    }
  }

  async #share(mode: ShareMode | undefined): Promise<void> {
    const shared = this.#shared ?? (await this.#begin());
    if (shared === undefined) return;
    shared.mode = mode ?? shared.mode;
    const { relayUrl, host, links } = shared;
    let link = links[shared.mode];
    // Another link, once the code of this one leads nowhere any more.
    if (link === undefined || link.kind === 'ownerOnly' || link.scan.until <= Date.now()) {
      link = await this.#world.makeLink(relayUrl, host.sid, shared.mode);
      links[shared.mode] = link;
    }
    if (this.#shared !== shared) return;
    this.#print(this.#linkLines(link, shared.mode));
    // Only now does the gateway know the session.
    shared.stopWatching ??= this.#world.watchViewers(relayUrl, host.sid, (viewers) => this.#watched(shared, viewers));
  }

  /** Prints who has come and who has left. */
  #watched(shared: Shared, presence: readonly Presence[]): void {
    if (this.#shared !== shared) return;
    const viewers = viewersOf(presence);
    const changes = viewerChanges(shared.viewers, viewers);
    shared.viewers = viewers;
    for (const change of changes) this.#print([this.#terminal.tint('dim', change)]);
    this.#showStatus();
  }

  async #begin(): Promise<Shared | undefined> {
    const agent = this.#terminal.session;
    if (agent === undefined) return undefined;
    const found = this.#world.access();
    if (found.kind === 'none') {
      this.#fail(found.error.message);
      return undefined;
    }
    const { home, version, pi } = this.#world;
    const { access, relayUrl } = found;
    const { signal } = this.#leaving;
    this.#terminal.setStatus(this.#terminal.tint('dim', `connecting to ${access.natsUrl} …`));
    this.#said = 'connecting';
    try {
      const host = await TerminalHost.begin(
        {
          ...{ access, home, version, pi, log: this.#log(), agent },
          again: this.#ended?.agent === agent ? this.#ended.sid : undefined,
          onChange: () => this.#showStatus(),
          onOver: (why) => this.#over(host, why),
        },
        signal,
      );
      if (signal.aborted) {
        await host.end();
        return undefined;
      }
      this.#note = undefined;
      this.#wasFull = false;
      this.#shared = { host, relayUrl, links: {}, mode: 'read', viewers: [], stopWatching: undefined };
      this.#ended = undefined;
      clearInterval(this.#looking);
      this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
      return this.#shared;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof CodedError)) throw error;
      this.#log().warn({ err: error }, 'the session could not be shared');
      this.#fail(whyNot(error, access.natsUrl));
      return undefined;
    }
  }

  async #stop(): Promise<void> {
    const shared = this.#shared;
    if (shared === undefined)
      return this.#print([`This session is not shared. Type ${this.#syntax.share} to share it.`]);
    this.#shared = undefined;
    shared.stopWatching?.();
    const { host, relayUrl } = shared;
    const { state } = host.link;
    const agent = this.#terminal.session;
    if (agent !== undefined) this.#ended = { agent, sid: host.sid };
    await Promise.race([host.end(), sleep(GOODBYE_MS)]);
    const back = this.#world.revokeLinks(relayUrl, host.sid).then(
      () => 'Its links are revoked.',
      (error: unknown) =>
        `Its links could not be revoked (${error instanceof Error ? error.message : String(error)}); they still show the session until now.`,
    );
    const late =
      state === 'connected'
        ? ''
        : ` Its viewers are informed when the network is back and you use ${this.#syntax.share} again here.`;
    this.#print([`No longer shared. ${await back} ${this.#syntax.share} continues the session.${late}`]);
  }

  #over(host: TerminalHost, why: HostEnd): void {
    if (this.#shared?.host !== host) return;
    this.#shared.stopWatching?.();
    this.#shared = undefined;
    const { tint } = this.#terminal;
    const said =
      why.kind === 'killed'
        ? `${this.#terminal.nameOf(why.by)} ended the session for its viewers. You can continue here. Type ${this.#syntax.share} to share it again.`
        : `Another runner has taken over this session, so it is no longer shared from here. Type ${this.#syntax.share} to share it again.`;
    this.#note = 'no longer shared';
    this.#print([tint('warning', said)]);
    this.#showStatus();
  }

  #status(): string[] {
    const shared = this.#shared;
    if (shared === undefined)
      return [`This session is not shared. Type ${this.#syntax.share} to share it, or ${this.#syntax.help}.`];
    const { host, relayUrl, mode, viewers, links } = shared;
    const link = links[mode];
    const { state, waiting, isFull } = host.link;
    const events = `${waiting} event${waiting === 1 ? '' : 's'}`;
    return [
      `Shared:     guests can ${MAY[mode]}`,
      `Session:    ${host.sid}`,
      `Relay:      ${relayUrl}`,
      `Watching:   ${viewers.length === 0 ? 'no one' : viewers.map(viewerText).join(', ')}`,
      ...(link?.kind === 'made' ? [`Link:       ${link.url} (until ${link.until})`] : []),
      `Connection: ${CONNECTION[state]}`,
      `Waiting:    ${waiting === 0 ? 'nothing' : `${events} on this disk${isFull ? ' (the spool is full)' : ''}`}`,
    ];
  }

  #linkLines(link: ShareLink, mode: ShareMode): string[] {
    const { tint } = this.#terminal;
    const code = this.#codeOf(link.kind === 'made' ? link.scan.url : link.url);
    const lines = [this.#terminal.link(link.url), ...code];
    const more = tint('dim', this.#syntax.more);
    if (link.kind === 'ownerOnly') {
      const first = tint('success', 'Shared. This address opens for you after you sign in there:');
      return [first, ...lines, tint('warning', link.why), more];
    }
    const warning = tint(
      'warning',
      'Guests with write access can make the agent do anything that it can do on this machine.',
    );
    return [
      tint('success', `Shared. Everyone with this link ${CAN[mode]} until ${link.until}:`),
      ...lines,
      ...(mode === 'read' ? [] : [warning]),
      more,
    ];
  }

  /** The address as a QR code, if all of it can be on the screen at the same time. */
  #codeOf(url: string): string[] {
    const { tint, columns, rows } = this.#terminal;
    if (isOfThisMachine(url)) return [tint('warning', LOCAL_ONLY)];
    const code = this.#world.qr(url, columns - SIDE_COLUMNS) ?? [];
    if (code.length + OTHER_ROWS > rows) {
      const needed = `${code.length + OTHER_ROWS} rows`;
      return [tint('dim', `The QR code needs a window of ${needed}. Type ${this.#syntax.share} to show it again.`)];
    }
    // In colours of its own: it has to be dark on light whatever the terminal's colours are.
    return code.map((row) => `\u001b[97;40m${row}\u001b[0m`);
  }

  #showStatus(): void {
    const { tint, setStatus } = this.#terminal;
    const shared = this.#shared;
    let text = this.#note === undefined ? undefined : tint('dim', this.#note);
    if (shared !== undefined) {
      const { state, waiting, isFull } = shared.host.link;
      const behind = waiting < BEHIND ? '' : ` · ${waiting} waiting`;
      if (isFull !== this.#wasFull) this.#print([tint('warning', isFull ? full(this.#syntax) : ROOM_AGAIN)]);
      this.#wasFull = isFull;
      const watching = shared.viewers.length === 0 ? '' : ` · ${shared.viewers.length} watching`;
      const mode = `shared · ${shared.mode === 'read' ? 'read-only' : shared.mode}${watching}`;
      text =
        state === 'connected'
          ? tint('success', mode + behind)
          : tint('warning', `${mode} · ${state}, ${waiting} waiting`);
    }
    if (text === this.#said) return;
    this.#said = text ?? '';
    setStatus(text);
  }

  /** How much waits is nobody's event. */
  #look(): void {
    if (this.#shared === undefined) clearInterval(this.#looking);
    else this.#showStatus();
  }

  #print(lines: readonly string[]): void {
    this.#terminal.print(lines.join('\n'));
  }

  #fail(message: string): void {
    this.#print([this.#terminal.tint('error', `Not shared: ${message}`)]);
  }
}

function whyNot(error: CodedError, natsUrl: string): string {
  if (error.code !== 'nats_unreachable' && error.code !== 'unavailable') return error.message;
  return `No answer from ${natsUrl}. Start a gateway on this machine with \`pizzapi local\`.`;
}
