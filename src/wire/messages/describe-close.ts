/** Describe and Close, frontend: both name a statement or a portal. */
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface NamedTarget<K extends string> {
  readonly kind: K;
  readonly target: 'statement' | 'portal';
  readonly name: ByteString;
}

const STATEMENT = 0x53; // S
const PORTAL = 0x50; // P

function namedTarget<const K extends string>(kind: K): Codec<NamedTarget<K>> {
  return {
    decode: (body) => {
      const letter = body.byte();
      if (letter !== STATEMENT && letter !== PORTAL) body.fail('neither a statement nor a portal');
      return { kind, target: letter === STATEMENT ? 'statement' : 'portal', name: body.cstring() };
    },
    encode: (message, body) =>
      void body.byte(message.target === 'statement' ? STATEMENT : PORTAL).cstring(message.name),
  };
}

export type Describe = NamedTarget<'describe'>;
export type Close = NamedTarget<'close'>;

export const describe = namedTarget('describe');
export const close = namedTarget('close');
