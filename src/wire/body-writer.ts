/** Builds one message. It refuses what would not read back, because a frame that lies desynchronises a connection. */
import type { ByteString } from './byte-string.js';

const INITIAL_BYTES = 256;

/** Append-only; errors are RangeErrors, since a value that does not fit is a bug of the caller. */
export class BodyWriter {
  private buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  private pos = 0;

  byte(value: number): this {
    const at = this.reserve(1);
    this.buffer.writeUInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.reserve(2);
    this.buffer.writeInt16BE(value, at);
    return this;
  }

  count16(value: number): this {
    const at = this.reserve(2);
    this.buffer.writeUInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.reserve(4);
    this.buffer.writeInt32BE(value, at);
    return this;
  }

  oid(value: number): this {
    const at = this.reserve(4);
    this.buffer.writeUInt32BE(value, at);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.reserve(value.length);
    this.buffer.set(value, at);
    return this;
  }

  cstringBytes(value: Uint8Array): this {
    if (value.includes(0)) throw new RangeError('a string of the protocol cannot hold a NUL byte');
    return this.bytes(value).byte(0);
  }

  cstring(value: ByteString): this {
    for (let i = 0; i < value.length; i++) {
      if (value.charCodeAt(i) > 0xff)
        throw new RangeError('not a byte string; convert it with toByteString first');
    }
    return this.cstringBytes(Buffer.from(value, 'latin1'));
  }

  value(value: Uint8Array | null): this {
    return value === null ? this.int32(-1) : this.int32(value.length).bytes(value);
  }

  /** A 16-bit count, then the items. */
  list16<T>(items: readonly T[], item: (body: BodyWriter, value: T) => void): this {
    this.count16(items.length);
    for (const value of items) item(this, value);
    return this;
  }

  /** Fills in a length word that was written as 0 before, counting from its own first byte. */
  setLength(at: number): this {
    this.buffer.writeInt32BE(this.pos - at, at);
    return this;
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.pos);
  }

  private reserve(length: number): number {
    const start = this.pos;
    const needed = start + length;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, start);
      this.buffer = larger;
    }
    this.pos = needed;
    return start;
  }
}
