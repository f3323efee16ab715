/** Random messages, one arbitrary per kind: a new kind does not compile without one. */
import fc from 'fast-check';
import type { BackendMessage } from '../../../src/wire/backend-message.js';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import type { BackendKind, FrontendKind } from '../../../src/wire/message-types.js';

/** Byte strings and raw bytes without NUL, valid UTF-8 or not. */
const unit = fc.integer({ min: 1, max: 255 });
export const name = fc.array(unit, { maxLength: 20 }).map((bytes) => String.fromCharCode(...bytes));
const nonEmptyName = fc
  .array(unit, { minLength: 1, maxLength: 20 })
  .map((bytes) => String.fromCharCode(...bytes));
const sql = fc.array(unit, { maxLength: 60 }).map((bytes) => Buffer.from(bytes));
export const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const oid = fc.integer({ min: 0, max: 0xffffffff });
const values = fc.array(fc.option(bytes), { maxLength: 6 });
const formats = fc.array(int16, { maxLength: 6 });
export const cancelKey = fc.uint8Array({ minLength: 4, maxLength: 256 }).map((array) => Buffer.from(array));

type ArbitraryOf<M extends { kind: string }, K> = fc.Arbitrary<Extract<M, { kind: K }>>;

function bare<const K extends string>(kind: K): fc.Arbitrary<{ kind: K }> {
  return fc.constant({ kind });
}

function shaped<const K extends string, T extends object>(
  kind: K,
  shape: { [P in keyof T]: fc.Arbitrary<T[P]> },
): fc.Arbitrary<T & { kind: K }> {
  return fc.record<T>(shape).map((fields) => ({ kind, ...fields }));
}

const target = fc.constantFrom('statement' as const, 'portal' as const);

export const frontendArbitraries: { [K in FrontendKind]: ArbitraryOf<FrontendMessage, K> } = {
  bind: shaped('bind', {
    portal: name,
    statement: name,
    parameterFormats: formats,
    parameters: values,
    resultFormats: formats,
  }),
  close: shaped('close', { target, name }),
  'copy-data': shaped('copy-data', { data: bytes }),
  'copy-done': bare('copy-done'),
  'copy-fail': shaped('copy-fail', { reason: name }),
  describe: shaped('describe', { target, name }),
  execute: shaped('execute', { portal: name, maxRows: int32 }),
  flush: bare('flush'),
  'function-call': shaped('function-call', {
    functionOid: oid,
    argumentFormats: formats,
    arguments: values,
    resultFormat: int16,
  }),
  parse: shaped('parse', { statement: name, sql, parameterTypes: fc.array(oid, { maxLength: 6 }) }),
  password: shaped('password', { data: bytes }),
  query: shaped('query', { sql }),
  sync: bare('sync'),
  terminate: bare('terminate'),
};

const method = <const M extends string>(one: M): fc.Arbitrary<{ kind: 'authentication'; method: M }> =>
  fc.constant({ kind: 'authentication', method: one });
const methodWithData = <const M extends string>(one: M) =>
  shaped('authentication', { method: fc.constant(one), data: bytes });

const copyShape = { format: fc.integer({ min: 0, max: 255 }), columnFormats: formats };
const fields = fc.array(
  fc.tuple(
    unit.map((code) => String.fromCharCode(code)),
    name,
  ),
  { maxLength: 8 },
);

export const backendArbitraries: { [K in BackendKind]: ArbitraryOf<BackendMessage, K> } = {
  authentication: fc.oneof(
    method('ok'),
    method('kerberos-v5'),
    method('cleartext-password'),
    method('gss'),
    method('sspi'),
    methodWithData('gss-continue'),
    methodWithData('sasl-continue'),
    methodWithData('sasl-final'),
    shaped('authentication', {
      method: fc.constant('md5-password' as const),
      salt: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((array) => Buffer.from(array)),
    }),
    shaped('authentication', {
      method: fc.constant('sasl' as const),
      mechanisms: fc.array(nonEmptyName, { maxLength: 3 }),
    }),
  ),
  'backend-key-data': shaped('backend-key-data', { processId: int32, secretKey: cancelKey }),
  'bind-complete': bare('bind-complete'),
  'close-complete': bare('close-complete'),
  'command-complete': shaped('command-complete', { tag: name }),
  'copy-both-response': shaped('copy-both-response', copyShape),
  'copy-data': shaped('copy-data', { data: bytes }),
  'copy-done': bare('copy-done'),
  'copy-in-response': shaped('copy-in-response', copyShape),
  'copy-out-response': shaped('copy-out-response', copyShape),
  'data-row': shaped('data-row', { values }),
  'empty-query-response': bare('empty-query-response'),
  'error-response': shaped('error-response', { fields }),
  'function-call-response': shaped('function-call-response', { value: fc.option(bytes) }),
  'negotiate-protocol-version': shaped('negotiate-protocol-version', {
    newestVersion: int32,
    unknownOptions: fc.array(name, { maxLength: 4 }),
  }),
  'no-data': bare('no-data'),
  'notice-response': shaped('notice-response', { fields }),
  'notification-response': shaped('notification-response', {
    processId: int32,
    channel: name,
    payload: name,
  }),
  'parameter-description': shaped('parameter-description', {
    parameterTypes: fc.array(oid, { maxLength: 8 }),
  }),
  'parameter-status': shaped('parameter-status', { name, value: name }),
  'parse-complete': bare('parse-complete'),
  'portal-suspended': bare('portal-suspended'),
  'ready-for-query': shaped('ready-for-query', {
    status: fc.constantFrom('I' as const, 'T' as const, 'E' as const),
  }),
  'row-description': shaped('row-description', {
    fields: fc.array(
      fc.record({
        name,
        tableOid: oid,
        attnum: int16,
        typeOid: oid,
        typeSize: int16,
        typmod: int32,
        format: int16,
      }),
      { maxLength: 5 },
    ),
  }),
};

export const anyFrontend: fc.Arbitrary<FrontendMessage> = fc.oneof(...Object.values(frontendArbitraries));
export const anyBackend: fc.Arbitrary<BackendMessage> = fc.oneof(...Object.values(backendArbitraries));
