/**
 * What one event wants to send to one channel, gathered so that it leaves in one write.
 * It knows no messages.
 */
import type { Channel } from './channel.js';

/** Beyond this the other side is not read until the kernel has taken all: bounds the memory of a session. */
export const HIGH_WATER_BYTES = 256 * 1024;

export class Outbox {
  private buffers: Buffer[] = [];
  private channel: Channel | undefined;

  /** Until then everything is gathered. */
  attach(channel: Channel): void {
    this.channel = channel;
  }

  /** In order. A view must stay valid until `flush`. */
  add(buffer: Buffer): void {
    if (buffer.length > 0) this.buffers.push(buffer);
  }

  /** At the end of each event. */
  flush(): void {
    if (this.buffers.length === 0 || this.channel === undefined) return;
    const buffers = this.buffers;
    this.buffers = [];
    this.channel.write(buffers);
  }

  /** Something waits in the channel's queue. */
  get pending(): boolean {
    return (this.channel?.pending ?? 0) > 0;
  }

  /** Too much waits in the channel's queue. */
  get congested(): boolean {
    return (this.channel?.pending ?? 0) > HIGH_WATER_BYTES;
  }
}
