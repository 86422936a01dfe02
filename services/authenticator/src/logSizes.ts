import { sessionRowPrefix, sessionRows, type Backbone } from '@pizzapi/backbone';

/** How many bytes the logs of an account's sessions have, as their projected rows say. */
export class LogSizes {
  constructor(private readonly b: Backbone) {}

  /** Reads the rows of the account. Throws `unavailable`. */
  async ofAccount(userId: string): Promise<number> {
    let bytes = 0;
    for await (const { value } of sessionRows(this.b).list(sessionRowPrefix(userId))) bytes += value.logBytes ?? 0;
    return bytes;
  }
}
