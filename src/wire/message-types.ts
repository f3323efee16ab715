/**
 * The type byte of every message, by direction (PostgreSQL manual, 54.7 Message Formats).
 * It knows which letters exist, not what is in a message.
 */

/** Messages that a client sends. */
export const frontendTypes = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  'function-call': 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  'copy-done': 0x63, // c
  'copy-data': 0x64, // d
  'copy-fail': 0x66, // f
  password: 0x70, // p: PasswordMessage, GSSResponse, SASLInitialResponse and SASLResponse share it
} as const;

/** Messages that a server sends. */
export const backendTypes = {
  'parse-complete': 0x31, // 1
  'bind-complete': 0x32, // 2
  'close-complete': 0x33, // 3
  'notification-response': 0x41, // A
  'command-complete': 0x43, // C
  'data-row': 0x44, // D
  'error-response': 0x45, // E
  'copy-in-response': 0x47, // G
  'copy-out-response': 0x48, // H
  'empty-query-response': 0x49, // I
  'backend-key-data': 0x4b, // K
  'notice-response': 0x4e, // N
  authentication: 0x52, // R
  'parameter-status': 0x53, // S
  'row-description': 0x54, // T
  'function-call-response': 0x56, // V
  'copy-both-response': 0x57, // W
  'ready-for-query': 0x5a, // Z
  'copy-done': 0x63, // c
  'copy-data': 0x64, // d
  'no-data': 0x6e, // n
  'portal-suspended': 0x73, // s
  'parameter-description': 0x74, // t
  'negotiate-protocol-version': 0x76, // v
} as const;

export type FrontendKind = keyof typeof frontendTypes;
export type BackendKind = keyof typeof backendTypes;
export type Direction = 'frontend' | 'backend';

/** A 256-entry lookup from type byte to kind. */
export function kindByType<K extends string>(types: Readonly<Record<K, number>>): readonly (K | undefined)[] {
  const kinds = new Array<K | undefined>(256).fill(undefined);
  for (const kind of Object.keys(types) as K[]) kinds[types[kind]] = kind;
  return kinds;
}
