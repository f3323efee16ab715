/**
 * From a place in the text that the server was sent to the same place in the client's own text. A place in text of ours
 * has none, so nothing is told of it. Positions count characters from 1, texts are UTF-8 bytes.
 */
import type { KeptSpans } from '../enforce/types.js';

/** The client's position; undefined inside generated text and behind the end. */
export function clientPosition(
  position: number,
  sent: string,
  client: string,
  kept: KeptSpans,
): number | undefined {
  if (!Number.isInteger(position) || position < 1) return undefined;
  const at = byteOf(sent, position - 1);
  for (let index = 0; index + 2 < kept.length; index += 3) {
    const into = at - kept[index]!;
    if (into >= 0 && into < kept[index + 2]!) return characters(client, kept[index + 1]! + into) + 1;
  }
  return undefined;
}

/** How many characters the first `end` bytes are. */
export function characters(bytes: string, end = bytes.length): number {
  let count = 0;
  for (let at = 0; at < end; at++) if (begins(bytes.charCodeAt(at))) count++;
  return count;
}

/** Where the character with this number, from 0, begins. */
function byteOf(bytes: string, character: number): number {
  let left = character;
  for (let at = 0; at < bytes.length; at++) {
    if (begins(bytes.charCodeAt(at)) && left-- === 0) return at;
  }
  return bytes.length;
}

/** All bytes but those that go on with a character (10xxxxxx). */
function begins(byte: number): boolean {
  return (byte & 0xc0) !== 0x80;
}
