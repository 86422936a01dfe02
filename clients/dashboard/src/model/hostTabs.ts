import { rightsOf, type RunnerInfo, type RunnerRight } from '@pizzapi/protocol';

/** The tabs of the panel of a host. */
export const HOST_TABS = ['terminals', 'files', 'changes'] as const;
export type HostTabId = (typeof HOST_TABS)[number];

/** What a tab is asked to show: a file at a line, a folder, or a terminal. Every request is a new object. */
export interface HostTarget {
  path?: string;
  /** Counted from 1. */
  line?: number;
  /** The path is that of a folder. */
  isFolder?: boolean;
  terminalId?: string;
}

/** Who looks at a host. */
export interface HostViewer {
  /** The account that the host belongs to is the person's own. */
  isOwner: boolean;
  /** A guest's link, or what another account shared, includes the files of the session's folder. */
  mayReadFiles: boolean;
}

/** The rights of a person on the host of a session. What the page hides, the gateway and the host refuse. */
export function hostRights(
  { isOwner, mayReadFiles }: HostViewer,
  runner: Pick<RunnerInfo, 'kind' | 'allow'> | undefined,
): readonly RunnerRight[] {
  if (!isOwner) return mayReadFiles ? ['files:read'] : [];
  return runner?.kind === 'daemon' ? rightsOf(runner.allow) : [];
}
