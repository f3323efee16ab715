/** Which messages each kind of session looks at, in each direction. Shared by all sessions of a listener. */
import { backendTable, type FrameTable, frontendTable } from '../wire/frame-table.js';
import type { BackendKind, FrontendKind } from '../wire/message-types.js';
import type { SessionLimits } from './ports.js';

const everyRequest = [
  'bind',
  'close',
  'copy-done',
  'copy-fail',
  'describe',
  'execute',
  'flush',
  'function-call',
  'parse',
  'password',
  'query',
  'sync',
  'terminate',
] as const satisfies readonly FrontendKind[];

const everyAnswer = [
  'parse-complete',
  'bind-complete',
  'close-complete',
  'notification-response',
  'command-complete',
  'error-response',
  'copy-in-response',
  'copy-out-response',
  'empty-query-response',
  'notice-response',
  'parameter-status',
  'row-description',
  'ready-for-query',
  'no-data',
  'portal-suspended',
] as const satisfies readonly BackendKind[];

/** PQ_SMALL_MESSAGE_LIMIT (src/include/libpq/libpq.h) bounds what the server takes for short messages. */
const SMALL_MESSAGE_BYTES = 10_000;
/** PG_MAX_AUTH_TOKEN_LENGTH (src/include/libpq/auth.h). */
const AUTH_TOKEN_BYTES = 65_535;
const SERVER_MESSAGE_BYTES = 64 * 1024 * 1024;

export interface FrameTables {
  readonly governedFrontend: FrameTable;
  readonly exemptFrontend: FrameTable;
  readonly rawFrontend: FrameTable;
  readonly loginBackend: FrameTable;
  readonly probeBackend: FrameTable;
  readonly statementsBackend: FrameTable;
  /** As statementsBackend, while rows are counted against a limit. */
  readonly meteredBackend: FrameTable;
  readonly rawBackend: FrameTable;
}

export function buildFrameTables(limits: SessionLimits): FrameTables {
  const maxLength = limits.messageBytes;
  const small = { close: SMALL_MESSAGE_BYTES, describe: SMALL_MESSAGE_BYTES, execute: SMALL_MESSAGE_BYTES };
  // The server answers a body where none may be with an error outside the order of its answers, so it goes no further.
  const empty = { 'copy-done': 0, flush: 0, sync: 0, terminate: 0, 'copy-fail': SMALL_MESSAGE_BYTES };
  const frontend = (statementBytes: number, governed: boolean): FrameTable =>
    frontendTable({
      interest: everyRequest,
      maxInterestingBytes: maxLength,
      limits: {
        ...small,
        password: AUTH_TOKEN_BYTES,
        query: statementBytes,
        parse: statementBytes,
        ...(governed && empty),
      },
      ...(governed && { discardOversized: ['query', 'parse'] as const, metered: ['copy-data'] as const }),
      maxLength,
    });
  const backend = (interest: readonly BackendKind[]): FrameTable =>
    backendTable({ interest, maxInterestingBytes: SERVER_MESSAGE_BYTES });
  return {
    governedFrontend: frontend(limits.statementBytes, true),
    exemptFrontend: frontend(maxLength, false),
    rawFrontend: frontendTable({ interest: ['terminate'], maxInterestingBytes: 0, maxLength }),
    loginBackend: backend([
      'authentication',
      'error-response',
      'negotiate-protocol-version',
      'ready-for-query',
      'parameter-status',
    ]),
    probeBackend: backend([...everyAnswer, 'data-row']),
    statementsBackend: backend(everyAnswer),
    meteredBackend: backendTable({
      interest: [...everyAnswer, 'copy-done'],
      maxInterestingBytes: SERVER_MESSAGE_BYTES,
      metered: ['data-row', 'copy-data'],
    }),
    rawBackend: backend(['ready-for-query', 'error-response', 'command-complete']),
  };
}
