/** What every message file provides, and the checks that all frames share. It knows no single message. */
import { BodyReader } from './body-reader.js';
import { BodyWriter } from './body-writer.js';
import { ProtocolViolation } from './protocol-violation.js';

/** decode(encode(m)) equals m, and encode(decode(f)) equals f byte by byte. */
export interface Codec<M> {
  /** Reads the body; whoever calls checks that nothing is left. */
  readonly decode: (body: BodyReader) => M;
  /** Writes the body, without type byte and length. */
  readonly encode: (message: M, body: BodyWriter) => void;
}

/** A message without a body. */
export function emptyCodec<const K extends string>(kind: K): Codec<{ readonly kind: K }> {
  const message = { kind };
  return { decode: () => message, encode: () => undefined };
}

/**
 * Reads a whole frame of a known kind, to its last byte. This, not openFrame, is what a reader of one kind should call:
 * a decoder alone does not see trailing bytes.
 */
export function decodeFrame<M>(codec: Codec<M>, frame: Buffer, what: string): M {
  const body = openFrame(frame, what);
  const message = codec.decode(body);
  body.end();
  return message;
}

/** A reader behind the header of a whole frame, for who needs only its first fields. */
export function openFrame(frame: Buffer, what: string): BodyReader {
  // INVARIANT(length-is-true): a length word that differs from the bytes present would desynchronise the peer.
  if (frame.length < 5 || frame.readInt32BE(1) !== frame.length - 1)
    throw new ProtocolViolation(`malformed ${what} message: its length word does not match`);
  return new BodyReader(frame, 5, what);
}

/** Of a longer message only the beginning is here (`heads` of a frame table). */
export function isHead(frame: Buffer): boolean {
  return frame.readInt32BE(1) > frame.length - 1;
}

/** A whole frame around a body. */
export function encodeFrame<M>(type: number, codec: Codec<M>, message: M): Buffer {
  const body = new BodyWriter().byte(type).int32(0);
  codec.encode(message, body);
  return body.setLength(1).finish();
}
