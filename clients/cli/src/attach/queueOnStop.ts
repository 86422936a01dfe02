import { join } from 'node:path';
import { QUEUE_ON_STOP, type QueueOnStop } from '@pizzapi/protocol';
import { readJsonMap, writePrivateJson } from '../privateFile.js';

/** What the person answered to "And the queue?"; undefined before the first answer. One answer for all sessions. */
export interface QueueOnStopAnswer {
  get(): QueueOnStop | undefined;
  set(answer: QueueOnStop | undefined): void;
}

/** Keeps the answer in a file of the home. A file that cannot be read is no answer. */
export function storedQueueOnStop(home: string): QueueOnStopAnswer {
  const file = join(home, 'attach-preferences.json');
  return {
    get: () => QUEUE_ON_STOP.find((known) => known === readJsonMap(file)?.['queueOnStop']),
    set: (queueOnStop) => writePrivateJson(file, { ...readJsonMap(file), queueOnStop }),
  };
}
