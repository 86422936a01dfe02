import type { BackboneConnection } from './connection.js';
import { dropConsumer } from './dropConsumer.js';
import { addDurable } from './durableConsumerPosition.js';

/** A durable consumer of the old streams: the place at which it continues in the new ones. */
export class MovedDurable {
  /** By partition: the offset of the first message that the consumer has not acknowledged. */
  private readonly from: (number | undefined)[];

  constructor(
    private readonly name: string,
    /** By old stream: the offset up to which everything is acknowledged. */
    private readonly floors: readonly number[],
    partitions: number,
  ) {
    this.from = Array.from({ length: partitions });
  }

  hasRead(source: number, seq: number): boolean {
    return seq <= (this.floors[source] ?? Infinity);
  }

  pass(source: number, seq: number, { partition, seq: copied }: { partition: number; seq: number }): void {
    if (!this.hasRead(source, seq)) this.from[partition] ??= copied;
  }

  async open(connection: BackboneConnection, streams: readonly string[], ends: readonly number[]): Promise<void> {
    for (const [partition, stream] of streams.entries()) {
      await dropConsumer(connection, stream, this.name);
      await addDurable(connection, stream, this.name, this.from[partition] ?? ends[partition]);
    }
  }
}
