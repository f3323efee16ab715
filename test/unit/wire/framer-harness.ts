/** Runs a byte stream through a framer in given pieces, the way a socket with one reused read buffer would. */
import type { FrameSink, Verdict } from '../../../src/wire/frame-sink.js';
import type { FrameTable } from '../../../src/wire/frame-table.js';
import { Framer } from '../../../src/wire/framer.js';
import { ProtocolViolation } from '../../../src/wire/protocol-violation.js';

/** What the sink of a run decides; `hold` is answered by the next decision for the same message. */
export type Decide = (type: number, frame: Buffer, nth: number) => Verdict;

export interface Transcript {
  readonly output: Buffer;
  readonly shown: readonly string[];
  readonly oversized: readonly (readonly [type: number, bodyLength: number])[];
  readonly violation: string | undefined;
  /** The most that the framer itself ever kept between calls. */
  readonly mostBuffered: number;
  readonly counts: Readonly<Record<string, number>>;
}

export class RecordingSink implements FrameSink {
  readonly written: Buffer[] = [];
  readonly shown: string[] = [];
  readonly oversizedMessages: [number, number][] = [];
  private readonly decide: Decide;

  constructor(decide: Decide = () => 'pass') {
    this.decide = decide;
  }

  message(type: number, frame: Buffer): Verdict {
    const verdict = this.decide(type, frame, this.shown.length);
    if (verdict !== 'hold') this.shown.push(frame.toString('latin1'));
    return verdict;
  }

  bytes(buffer: Buffer): void {
    this.written.push(Buffer.from(buffer));
  }

  oversized(type: number, bodyLength: number): readonly Buffer[] {
    this.oversizedMessages.push([type, bodyLength]);
    return [Buffer.from(`<oversized ${type} ${bodyLength}>`)];
  }
}

/** Cuts a stream at the given offsets. */
export function cut(stream: Buffer, offsets: readonly number[]): Buffer[] {
  const ends = [...new Set(offsets.map((offset) => offset % (stream.length + 1)))].sort((a, b) => a - b);
  const pieces = [...ends, stream.length].map((end, i) => stream.subarray(i === 0 ? 0 : ends[i - 1], end));
  return pieces.filter((piece) => piece.length > 0);
}

export function byteByByte(stream: Buffer): Buffer[] {
  return Array.from(stream, (byte) => Buffer.from([byte]));
}

/** @param resumeLate - resume held messages only after all pieces have been pushed */
export function run(
  table: FrameTable,
  pieces: readonly Buffer[],
  decide?: Decide,
  resumeLate = false,
): Transcript {
  const framer = new Framer(table);
  const sink = new RecordingSink(decide);
  let mostBuffered = 0;
  let violation: string | undefined;
  const counts: Record<string, number> = {};
  const readBuffer = Buffer.alloc(Math.max(0, ...pieces.map((piece) => piece.length)));
  try {
    for (const piece of pieces) {
      piece.copy(readBuffer);
      framer.push(readBuffer.subarray(0, piece.length), sink);
      // Whoever kept a view of the chunk now sees rubbish.
      readBuffer.fill(0xee);
      while (!resumeLate && framer.held) framer.resume(sink);
      mostBuffered = Math.max(mostBuffered, framer.bufferedBytes);
    }
    while (framer.held) framer.resume(sink);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    violation = error.message;
  }
  for (let type = 0; type < 256; type++) {
    const count = framer.takeCount(type);
    if (count > 0) counts[String.fromCharCode(type)] = count;
  }
  const { shown, oversizedMessages } = sink;
  return {
    output: Buffer.concat(sink.written),
    shown,
    oversized: oversizedMessages,
    violation,
    mostBuffered,
    counts,
  };
}

/** A frame by its type letter. */
export function frame(letter: string, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.from([letter.charCodeAt(0), 0, 0, 0, 0]);
  header.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

/** A header that declares a length word, with nothing behind it. */
export function header(letter: string, length: number): Buffer {
  const bytes = Buffer.from([letter.charCodeAt(0), 0, 0, 0, 0]);
  bytes.writeInt32BE(length, 1);
  return bytes;
}
