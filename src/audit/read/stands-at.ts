/** Whether the text stands there. For the few bytes of a name faster than a call of Buffer.compare. */
export function standsAt(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}
