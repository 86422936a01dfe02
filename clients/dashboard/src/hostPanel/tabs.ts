import FileDiff from '~icons/lucide/file-diff';
import Files from '~icons/lucide/files';
import SquareTerminal from '~icons/lucide/square-terminal';
import type { RunnerRight } from '@pizzapi/protocol';
import type { Component } from 'svelte';
import type { HostTabId } from '../model/hostTabs.js';
import type { HostPanel, HostTabProps } from '../state/hostPanel.svelte.js';

/**
 * A tab of the panel of a host. Its component is loaded when a person opens it, and shown beside a session and on the page of a
 * host. It takes `HostTabProps`, and asks the host by `api.runnerCall(panel.runnerId, …)`. It marks what takes the focus with
 * `data-host-focus`. `panel.open('files', { path, line })` shows a file, and `panel.compose(text)` puts a text into the message.
 */
export interface HostTab {
  id: HostTabId;
  label: string;
  icon: Component<{ class?: string }>;
  /** Shown where the person has this right on the host. */
  right: RunnerRight;
  /** It needs a session: the page of a host is without it. */
  ofSession?: true;
  load: () => Promise<{ default: Component<HostTabProps> }>;
}

/** In the order in which they are shown. */
const TABS: readonly HostTab[] = [
  {
    id: 'terminals',
    label: 'Terminal',
    icon: SquareTerminal,
    right: 'terminals',
    load: () => import('../terminals/TerminalPanel.svelte'),
  },
  {
    id: 'files',
    label: 'Files',
    icon: Files,
    right: 'files:read',
    load: () => import('../files/FilesPanel.svelte'),
  },
  {
    id: 'changes',
    label: 'Changes',
    icon: FileDiff,
    right: 'files:read',
    load: () => import('../changes/ChangesPanel.svelte'),
  },
];

/** The tabs that a person may open here. */
export function tabsOf(panel: HostPanel): readonly HostTab[] {
  return TABS.filter(({ right, ofSession }) => panel.can(right) && (ofSession !== true || panel.session !== undefined));
}
