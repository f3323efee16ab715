/**
 * PostgreSQL cuts names of users and databases to 63 bytes (NAMEDATALEN; ProcessStartupPacket in
 * src/backend/tcop/backend_startup.c). INVARIANT(one-name): the policy, the verifiers and the server read the same name,
 * so it is cut here, before anybody reads it, and goes upstream as it was cut.
 */
import { encodeStartupPacket, type StartupMessage } from '../wire/startup.js';

const MOST_BYTES = 63;

/** Cut between two characters, as pg_mbcliplen does. */
export function clippedName(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MOST_BYTES) return name;
  let end = MOST_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** The message and its packet, unchanged where the names are short enough. */
export function withClippedNames(
  message: StartupMessage,
  raw: Buffer,
): { readonly message: StartupMessage; readonly raw: Buffer } {
  const parameters = message.parameters.map(([name, value]): readonly [string, string] =>
    name === 'user' || name === 'database' ? [name, clippedName(value)] : [name, value],
  );
  if (parameters.every(([, value], index) => value === message.parameters[index]![1]))
    return { message, raw };
  const clipped = { ...message, parameters };
  return { message: clipped, raw: encodeStartupPacket(clipped) };
}
