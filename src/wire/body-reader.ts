/** Reads the fields of one message body, and stops at whatever is not there. It knows field types, no messages. */
import type { ByteString } from './byte-string.js';
import { ProtocolViolation } from './protocol-violation.js';

/** A cursor over a body. Buffers it gives are views of the frame: copy what outlives the frame. */
export class BodyReader {
  private readonly frame: Buffer;
  private readonly what: string;
  private pos: number;

  /** @param what - the message's name for errors */
  constructor(frame: Buffer, offset: number, what: string) {
    this.frame = frame;
    this.pos = offset;
    this.what = what;
  }

  get remaining(): number {
    return this.frame.length - this.pos;
  }

  byte(): number {
    return this.frame[this.take(1)]!;
  }

  int16(): number {
    return this.frame.readInt16BE(this.take(2));
  }

  /**
   * A count of fields. The manual calls it Int16, but the server reads it unsigned (pq_getmsgint in
   * src/backend/libpq/pqformat.c), and libpq sends up to 65,535 parameters, so there is no negative one.
   */
  count16(): number {
    return this.frame.readUInt16BE(this.take(2));
  }

  int32(): number {
    return this.frame.readInt32BE(this.take(4));
  }

  /** A 32-bit count, which the protocol defines as signed. */
  count32(): number {
    const count = this.int32();
    if (count < 0) this.fail('a negative count');
    return count;
  }

  /** An object ID: unsigned. */
  oid(): number {
    return this.frame.readUInt32BE(this.take(4));
  }

  /** The bytes up to the next NUL, without it. */
  cstringBytes(): Buffer {
    const end = this.frame.indexOf(0, this.pos);
    if (end < 0) this.fail('a string without terminator');
    const bytes = this.frame.subarray(this.pos, end);
    this.pos = end + 1;
    return bytes;
  }

  cstring(): ByteString {
    return this.cstringBytes().toString('latin1');
  }

  bytes(length: number): Buffer {
    const start = this.take(length);
    return this.frame.subarray(start, start + length);
  }

  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** A value with its length in front; -1 is NULL. */
  value(): Buffer | null {
    const length = this.int32();
    if (length === -1) return null;
    if (length < 0) this.fail('a negative value length');
    return this.bytes(length);
  }

  /** As many items as the count says. Nothing is allocated ahead, so that a false count costs nothing. */
  list<T>(count: number, item: (body: BodyReader) => T): T[] {
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(item(this));
    return items;
  }

  /** The body must be used up. */
  end(): void {
    if (this.remaining !== 0) this.fail('trailing bytes');
  }

  fail(problem: string): never {
    throw new ProtocolViolation(`malformed ${this.what} message: ${problem}`);
  }

  private take(length: number): number {
    const start = this.pos;
    if (length > this.frame.length - start) this.fail('it ends too early');
    this.pos = start + length;
    return start;
  }
}
