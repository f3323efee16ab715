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
  private abandoned = false;

  /** Until then everything is gathered. */
  attach(channel: Channel): void {
    this.channel = channel;
  }

  /** In order. A view must stay valid until `flush`. */
  add(buffer: Buffer): void {
    if (buffer.length > 0 && !this.abandoned) this.buffers.push(buffer);
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
    return this.waiting > 0;
  }

  /** Too much waits in the channel's queue. */
  get congested(): boolean {
    return this.waiting > HIGH_WATER_BYTES;
  }

  /** More waits than goes out at once, and the channel will tell when it has left. */
  get willDrain(): boolean {
    return !this.abandoned && this.channel?.willDrain === true;
  }

  /** Nobody is at the other end any more: what is added from now on goes nowhere. */
  abandon(): void {
    this.abandoned = true;
    this.buffers = [];
  }

  private get waiting(): number {
    return this.abandoned ? 0 : (this.channel?.pending ?? 0);
  }
}
