/** The ten Authentication messages of type 'R', backend, told apart by a code (PostgreSQL manual, 54.7). */
import type { BodyReader } from '../body-reader.js';
import type { BodyWriter } from '../body-writer.js';
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

interface Of<M extends string> {
  readonly kind: 'authentication';
  readonly method: M;
}

export type Authentication =
  | Of<'ok'>
  | Of<'kerberos-v5'>
  | Of<'cleartext-password'>
  | (Of<'md5-password'> & { readonly salt: Buffer })
  | Of<'gss'>
  | (Of<'gss-continue'> & { readonly data: Buffer })
  | Of<'sspi'>
  | (Of<'sasl'> & { readonly mechanisms: readonly ByteString[] })
  | (Of<'sasl-continue'> & { readonly data: Buffer })
  | (Of<'sasl-final'> & { readonly data: Buffer });

type Method = Authentication['method'];

/** AUTH_REQ_* in src/include/libpq/protocol.h; 1, 4 and 6 are retired. */
const codes = {
  ok: 0,
  'kerberos-v5': 2,
  'cleartext-password': 3,
  'md5-password': 5,
  gss: 7,
  'gss-continue': 8,
  sspi: 9,
  sasl: 10,
  'sasl-continue': 11,
  'sasl-final': 12,
} as const satisfies Record<Method, number>;

const methods = new Map<number, Method>(Object.entries(codes).map(([name, code]) => [code, name as Method]));

const kind = 'authentication';

export const authentication: Codec<Authentication> = {
  decode: (body) => {
    const method = methods.get(body.int32());
    if (method === undefined) return body.fail('an unknown authentication method');
    return decodeMethod(method, body);
  },
  encode: (message, body) => {
    body.int32(codes[message.method]);
    encodeMethod(message, body);
  },
};

function decodeMethod(method: Method, body: BodyReader): Authentication {
  switch (method) {
    case 'md5-password':
      return { kind, method, salt: body.bytes(4) };
    case 'gss-continue':
    case 'sasl-continue':
    case 'sasl-final':
      return { kind, method, data: body.rest() };
    case 'sasl':
      return { kind, method, mechanisms: readMechanisms(body) };
    case 'ok':
    case 'kerberos-v5':
    case 'cleartext-password':
    case 'gss':
    case 'sspi':
      return { kind, method };
  }
}

function encodeMethod(message: Authentication, body: BodyWriter): void {
  switch (message.method) {
    case 'md5-password':
      if (message.salt.length !== 4) throw new RangeError('an md5 salt has 4 bytes');
      body.bytes(message.salt);
      break;
    case 'gss-continue':
    case 'sasl-continue':
    case 'sasl-final':
      body.bytes(message.data);
      break;
    case 'sasl':
      for (const mechanism of message.mechanisms) {
        if (mechanism === '') throw new RangeError('an empty mechanism name would end the list');
        body.cstring(mechanism);
      }
      body.byte(0);
      break;
    case 'ok':
    case 'kerberos-v5':
    case 'cleartext-password':
    case 'gss':
    case 'sspi':
      break;
  }
}

function readMechanisms(body: BodyReader): ByteString[] {
  const mechanisms: ByteString[] = [];
  for (;;) {
    const mechanism = body.cstring();
    if (mechanism === '') return mechanisms;
    mechanisms.push(mechanism);
  }
}
