import { isMap, stringAt } from '@pizzapi/protocol';
import { readPrivateFile, writePrivateJsonSync } from '@pizzapi/process';
import { join } from 'node:path';

/** What a running cluster consists of. The file `cluster.json` in its home holds it, and follows each restart. */
export interface ClusterState {
  /** The address of the load balancer, for people and programs. */
  url: string;
  natsUrls: string[];
  /** The own addresses of the gateways. */
  gateways: string[];
  /** The process ids by the name of the process. */
  pids: Record<string, number>;
  /** The addresses of `/readyz` and `/metrics` by the name of the process. */
  health: Record<string, string>;
}

const fileIn = (home: string): string => join(home, 'cluster.json');

/** Returns the state in the value of a file; undefined when it has another shape. */
export function parseClusterState(value: unknown): ClusterState | undefined {
  if (!isMap(value)) return undefined;
  const url = stringAt(value, 'url');
  const { natsUrls, gateways, pids, health } = value;
  if (url === undefined || !isStrings(natsUrls) || !isStrings(gateways)) return undefined;
  if (!isRecordOf(pids, isNumber) || !isRecordOf(health, isString)) return undefined;
  return { url, natsUrls, gateways, pids, health };
}

/** Returns the state of the cluster that runs, or ran, in a folder. */
export async function readClusterState(home: string): Promise<ClusterState | undefined> {
  return parseClusterState(await readPrivateFile(fileIn(home)));
}

export function writeClusterState(home: string, state: ClusterState): void {
  writePrivateJsonSync(fileIn(home), state);
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every(isString);

function isRecordOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is Record<string, T> {
  return isMap(value) && Object.values(value).every(isOne);
}
