/**
 * Cuts a byte stream into messages without copying what nobody wants to look at.
 * It owns the framing state of one direction of one connection; it knows type bytes and lengths, never a message's
 * content, and no sockets.
 */
import { FrameAssembly } from './frame-assembly.js';
import type { FrameSink, Verdict } from './frame-sink.js';
import {
  type FrameTable,
  headerProblem,
  HOP,
  isOversized,
  METERED,
  SHOW_HEAD,
  TAPPED,
} from './frame-table.js';
import { ProtocolViolation } from './protocol-violation.js';

export type { FrameSink, Verdict };

const HEADER_BYTES = 5;
const NOTHING = Buffer.alloc(0);

// What the next byte belongs to.
const BETWEEN = 0; // a message that has not begun
const HEADER = 1; // a header split by a chunk's end
const STREAM = 2; // the body of a message that is hopped over
const ASSEMBLE = 3; // an interesting message split by a chunk's end
const DISCARD = 4; // the body of a message that is oversized or not allowed
const HELD = 5; // a message that waits for resume()
const STOPPED = 6;

export class Framer {
  private state = BETWEEN;
  private table: FrameTable;
  private readonly counts = new Float64Array(256);
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerFilled = 0;
  private remaining = 0; // of STREAM and DISCARD
  private tapping = 0; // the type of the message of STREAM, if its pieces are shown
  private behindHead = 0; // what is left of the message that is shown, or held
  private readonly assembly = new FrameAssembly(); // of ASSEMBLE
  private heldFrame: Buffer = NOTHING; // of HELD
  private backlog: Buffer[] = []; // behind the message of HELD
  private running = false;
  private violation: ProtocolViolation | undefined;

  constructor(table: FrameTable) {
    this.table = table;
  }

  /** Takes another table from the next message on; inside `message()` that is the one behind the shown message. */
  useTable(table: FrameTable): void {
    this.table = table;
  }

  /** True while a message waits for `resume()`; its connection should not be read meanwhile. */
  get held(): boolean {
    return this.state === HELD;
  }

  /** True once the sink has said `stop`; whatever is pushed then goes nowhere. */
  get stopped(): boolean {
    return this.state === STOPPED;
  }

  /** True inside a message, for the timeout on half frames. */
  get midMessage(): boolean {
    return this.state >= HEADER && this.state <= DISCARD;
  }

  /** True when a part of a message has gone on and the rest has not come: nothing else can follow it. */
  get midStream(): boolean {
    return this.state === STREAM;
  }

  /** Bytes that the framer itself keeps at present. */
  get bufferedBytes(): number {
    return this.backlog.reduce(
      (sum, part) => sum + part.length,
      this.headerFilled + this.assembly.allocated + this.heldFrame.length,
    );
  }

  /** What waits behind a held message ends with these bytes; false also where they came in pieces. */
  heldEndsWith(bytes: Buffer): boolean {
    const last = this.backlog.at(-1);
    return last !== undefined && last.length >= bytes.length && last.subarray(-bytes.length).equals(bytes);
  }

  /** How many messages of this type have begun since the last call, without those not allowed; 'D' and 'd' are rows. */
  takeCount(type: number): number {
    const count = this.counts[type] ?? 0;
    this.counts[type] = 0;
    return count;
  }

  /**
   * Works through a chunk and keeps no view of it. False when a message is held (the chunk's rest is then copied).
   * Throws ProtocolViolation, at this and every later call, once the peer has broken the framing.
   */
  push(chunk: Uint8Array, sink: FrameSink): boolean {
    this.enter();
    const view = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.state === HELD) this.backlog.push(Buffer.from(view));
    else this.run(view, sink, false);
    this.running = false;
    return this.state !== HELD;
  }

  /** Shows the held message again and goes on behind it. False when a message is (still) held. */
  resume(sink: FrameSink): boolean {
    this.enter();
    if (this.state === HELD) {
      const frame = this.heldFrame;
      this.heldFrame = NOTHING;
      this.state = BETWEEN;
      // A metered message has no frame: its header was split, or it stands in the backlog with what is behind it.
      if (frame.length > 0) this.settle(frame, sink.message(frame[0]!, frame), sink);
      else if (this.headerFilled > 0) this.openSplit(sink);
      while (this.state < HELD && this.backlog.length > 0) this.run(this.backlog.shift()!, sink, true);
    }
    this.running = false;
    return this.state !== HELD;
  }

  private enter(): void {
    if (this.violation !== undefined) throw this.violation;
    // A sink that threw, or that calls back into the framer, would leave half a chunk behind: forwarding it again or
    // losing it are both wrong, so the framer stays unusable.
    if (this.running)
      throw new Error('the framer was entered from its own sink, or used after the sink threw');
    this.running = true;
  }

  /** @param owned - the chunk is the framer's own copy, so that views of it may be kept */
  private run(chunk: Buffer, sink: FrameSink, owned: boolean): void {
    const end = chunk.length;
    let pos = 0;
    let start = 0; // [start, pos) goes on unchanged and has not been given to the sink yet
    while (pos < end) {
      switch (this.state) {
        case BETWEEN: {
          pos = this.hop(chunk, pos);
          if (pos === end) break;
          if (end - pos < HEADER_BYTES) {
            emit(chunk, start, pos, sink);
            this.state = HEADER;
            start = pos;
            break;
          }
          const type = chunk[pos]!;
          const length = chunk.readInt32BE(pos + 1);
          const problem = headerProblem(this.table, type, length);
          if (problem !== undefined) {
            emit(chunk, start, pos, sink);
            this.fail(problem);
          }
          const total = length + 1;
          const allowed = this.allows(type, sink);
          if (allowed === 'wait') {
            emit(chunk, start, pos, sink);
            this.hold(NOTHING, owned ? chunk.subarray(pos) : Buffer.from(chunk.subarray(pos)));
            return;
          }
          if (!allowed) {
            emit(chunk, start, pos, sink);
            pos += HEADER_BYTES;
            start = pos;
            this.skip(length - 4);
            break;
          }
          this.counts[type]!++;
          if (this.table.tapped[type] === 1) {
            const here = Math.min(total, end - pos);
            sink.tap?.(type, chunk, pos + HEADER_BYTES, pos + here, true, here === total);
            pos += here;
            if (here < total) {
              this.state = STREAM;
              this.remaining = total - here;
              this.tapping = type;
            }
          } else if (this.streams(type)) {
            this.state = STREAM;
            this.remaining = total;
          } else if (isOversized(this.table, type, length)) {
            emit(chunk, start, pos, sink);
            pos += HEADER_BYTES;
            start = pos;
            this.discard(type, length - 4, sink);
          } else if (this.shownOf(type, total) > end - pos) {
            emit(chunk, start, pos, sink);
            this.assembly.begin(this.shownOf(type, total), end - pos);
            this.state = ASSEMBLE;
            start = pos;
          } else {
            const shown = this.shownOf(type, total);
            const frame = chunk.subarray(pos, pos + shown);
            const verdict = sink.message(type, frame);
            if (verdict === 'pass') {
              pos += shown;
              this.goBehindHead(STREAM);
              break;
            }
            emit(chunk, start, pos, sink);
            if (verdict === 'hold') {
              const kept = owned ? chunk.subarray(pos) : Buffer.from(chunk.subarray(pos));
              this.hold(kept.subarray(0, shown), kept.subarray(shown));
              return;
            }
            this.settle(frame, verdict, sink);
            pos += shown;
            start = pos;
          }
          break;
        }
        case HEADER: {
          const step = Math.min(HEADER_BYTES - this.headerFilled, end - pos);
          chunk.copy(this.header, this.headerFilled, pos, pos + step);
          this.headerFilled += step;
          pos += step;
          start = pos;
          this.openSplit(sink);
          break;
        }
        case STREAM: {
          const step = Math.min(this.remaining, end - pos);
          this.remaining -= step;
          if (this.remaining === 0) this.state = BETWEEN;
          if (this.tapping !== 0) this.tapPiece(chunk, pos, pos + step, sink);
          pos += step;
          break;
        }
        case DISCARD: {
          const step = Math.min(this.remaining, end - pos);
          this.remaining -= step;
          if (this.remaining === 0) this.state = BETWEEN;
          pos += step;
          start = pos;
          break;
        }
        case ASSEMBLE: {
          pos += this.assembly.append(chunk, pos);
          start = pos;
          if (this.assembly.complete) this.finishFrame(sink);
          break;
        }
        case HELD:
          this.backlog.unshift(owned ? chunk.subarray(pos) : Buffer.from(chunk.subarray(pos)));
          return;
        default:
          return;
      }
    }
    emit(chunk, start, pos, sink);
  }

  /** The hot loop: past every whole message that nobody looks at, to the first byte that needs more thought. */
  private hop(chunk: Buffer, from: number): number {
    const { action, maxLength } = this.table;
    const counts = this.counts;
    const end = chunk.length;
    let pos = from;
    while (end - pos >= HEADER_BYTES) {
      const type = chunk[pos]!;
      const length =
        (chunk[pos + 1]! << 24) | (chunk[pos + 2]! << 16) | (chunk[pos + 3]! << 8) | chunk[pos + 4]!;
      if (action[type] !== HOP || length < 4 || length > maxLength || length >= end - pos) break;
      counts[type]!++;
      pos += length + 1;
    }
    return pos;
  }

  /** Acts on a header that came in pieces. */
  private openSplit(sink: FrameSink): void {
    const type = this.header[0]!;
    // FAIL-CLOSED: an unknown type is refused before its length is waited for.
    const length = this.headerFilled < HEADER_BYTES ? 4 : this.header.readInt32BE(1);
    const problem = headerProblem(this.table, type, length);
    if (problem !== undefined) this.fail(problem);
    if (this.headerFilled < HEADER_BYTES) return;
    const allowed = this.allows(type, sink);
    if (allowed === 'wait') {
      this.hold(NOTHING, NOTHING);
      return;
    }
    this.headerFilled = 0;
    if (!allowed) {
      this.skip(length - 4);
      return;
    }
    this.counts[type]!++;
    if (this.streams(type)) {
      this.remaining = length - 4;
      this.state = this.remaining === 0 ? BETWEEN : STREAM;
      if (this.table.tapped[type] === 1) {
        sink.tap?.(type, this.header, HEADER_BYTES, HEADER_BYTES, true, this.remaining === 0);
        if (this.remaining > 0) this.tapping = type;
      }
      sink.bytes(Buffer.from(this.header));
    } else if (isOversized(this.table, type, length)) {
      this.discard(type, length - 4, sink);
    } else {
      this.assembly.begin(this.shownOf(type, length + 1), 0);
      this.assembly.append(this.header, 0);
      this.state = ASSEMBLE;
      if (this.assembly.complete) this.finishFrame(sink);
    }
  }

  private streams(type: number): boolean {
    const action = this.table.action[type];
    return action === HOP || action === METERED || action === TAPPED;
  }

  private tapPiece(chunk: Buffer, from: number, to: number, sink: FrameSink): void {
    const type = this.tapping;
    if (this.remaining === 0) this.tapping = 0;
    sink.tap?.(type, chunk, from, to, false, this.remaining === 0);
  }

  /** How much of a message the sink is shown; the rest is remembered. */
  private shownOf(type: number, total: number): number {
    const most = HEADER_BYTES + this.table.bodyLimit[type]!;
    const shown = this.table.action[type] === SHOW_HEAD && total > most ? most : total;
    this.behindHead = total - shown;
    return shown;
  }

  /** The rest goes where its head went. */
  private goBehindHead(state: typeof STREAM | typeof DISCARD): void {
    if (this.behindHead === 0) return;
    this.state = state;
    this.remaining = this.behindHead;
    this.behindHead = 0;
  }

  private fail(problem: string): never {
    this.violation = new ProtocolViolation(problem);
    throw this.violation;
  }

  /** FAIL-CLOSED: a metered message that nobody allows goes nowhere. */
  private allows(type: number, sink: FrameSink): boolean | 'wait' {
    return this.table.action[type] !== METERED || (sink.allows?.(type) ?? false);
  }

  private skip(bodyLength: number): void {
    this.state = bodyLength === 0 ? BETWEEN : DISCARD;
    this.remaining = bodyLength;
  }

  private discard(type: number, bodyLength: number, sink: FrameSink): void {
    this.state = DISCARD;
    this.remaining = bodyLength;
    for (const buffer of sink.oversized(type, bodyLength)) sink.bytes(buffer);
  }

  private finishFrame(sink: FrameSink): void {
    const frame = this.assembly.take();
    this.state = BETWEEN;
    this.settle(frame, sink.message(frame[0]!, frame), sink);
  }

  /** Carries out a verdict on a frame that is not part of a pending range; a held one must be the framer's own. */
  private settle(frame: Buffer, verdict: Verdict, sink: FrameSink): void {
    if (verdict === 'pass') {
      sink.bytes(frame);
      this.goBehindHead(STREAM);
    } else if (verdict === 'hold') this.hold(frame, NOTHING);
    else if (verdict === 'stop') {
      this.state = STOPPED;
      this.backlog = [];
    } else {
      if (verdict !== 'drop') for (const buffer of verdict) sink.bytes(buffer);
      this.goBehindHead(DISCARD);
    }
  }

  private hold(frame: Buffer, rest: Buffer): void {
    this.state = HELD;
    this.heldFrame = frame;
    if (rest.length > 0) this.backlog.unshift(rest);
  }
}

function emit(chunk: Buffer, start: number, end: number, sink: FrameSink): void {
  if (end > start) sink.bytes(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
}
