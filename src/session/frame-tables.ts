/** Which messages each kind of session looks at, in each direction. Shared by all sessions of a listener. */
import { backendTable, type FrameTable, frontendTable } from '../wire/frame-table.js';
import { type BackendKind, backendTypes, type FrontendKind } from '../wire/message-types.js';
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

/** What an exempt session's audit has to see; the rest passes by. */
const followedAnswer = [
  'parse-complete',
  'bind-complete',
  'close-complete',
  'command-complete',
  'error-response',
  'copy-in-response',
  'copy-out-response',
  'empty-query-response',
  'row-description',
  'ready-for-query',
  'no-data',
  'portal-suspended',
] as const satisfies readonly BackendKind[];

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

/** Of governed sessions every message is checked, save for the rows themselves. */
const checkedAnswer = [
  ...everyAnswer,
  'copy-done',
  'parameter-description',
] as const satisfies readonly BackendKind[];

/** FAIL-CLOSED: an authentication request in the middle of a session would ask the client for its password. */
const neverInSession = [
  'authentication',
  'backend-key-data',
  'copy-both-response',
  'function-call-response',
  'negotiate-protocol-version',
] as const satisfies readonly BackendKind[];

const rows = ['data-row', 'copy-data'] as const satisfies readonly BackendKind[];

/** What a server sends before the first ReadyForQuery (PostgreSQL manual, 54.2.1 Start-up). */
const atLogIn = [
  'authentication',
  'backend-key-data',
  'error-response',
  'negotiate-protocol-version',
  'notice-response',
  'parameter-status',
  'ready-for-query',
] as const satisfies readonly BackendKind[];

/** What answers the proxy's own Query, and what may come at any time. */
const atProbe = [
  'command-complete',
  'data-row',
  'error-response',
  'notice-response',
  'notification-response',
  'parameter-status',
  'ready-for-query',
  'row-description',
] as const satisfies readonly BackendKind[];

function allBut(kinds: readonly BackendKind[]): readonly BackendKind[] {
  return (Object.keys(backendTypes) as BackendKind[]).filter((kind) => !kinds.includes(kind));
}

/** PQ_SMALL_MESSAGE_LIMIT (src/include/libpq/libpq.h) bounds what the server takes for short messages. */
const SMALL_MESSAGE_BYTES = 10_000;
/** PG_MAX_AUTH_TOKEN_LENGTH (src/include/libpq/auth.h). */
const AUTH_TOKEN_BYTES = 65_535;
/** Passwords of a log-in fit too. */
const CONSOLE_MESSAGE_BYTES = AUTH_TOKEN_BYTES;
/** What a governed session is shown must be checked whole. */
const SERVER_MESSAGE_BYTES = 64 * 1024 * 1024;
/** Names, severities and SQLSTATEs stand at the beginning, and an exempt session is only followed for its audit. */
const HEAD_BYTES = 64 * 1024;
/** Nobody has proved anything yet; libpq takes no more than 30,000 bytes there (PQconnectPoll in fe-connect.c). */
const LOG_IN_MESSAGE_BYTES = 128 * 1024;

export interface FrameTables {
  readonly governedFrontend: FrameTable;
  readonly exemptFrontend: FrameTable;
  readonly rawFrontend: FrameTable;
  readonly loginBackend: FrameTable;
  readonly probeBackend: FrameTable;
  readonly exemptBackend: FrameTable;
  readonly governedBackend: FrameTable;
  /** As governedBackend, while rows are counted against a limit. */
  readonly meteredBackend: FrameTable;
  /** As governedBackend, while rows are looked at for the keys of data subjects. */
  readonly watchedBackend: FrameTable;
  /** Both. */
  readonly meteredWatchedBackend: FrameTable;
  readonly rawBackend: FrameTable;
  readonly consoleFrontend: FrameTable;
  readonly consoleLogin: FrameTable;
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
      ...(governed
        ? { discardOversized: ['query', 'parse'] as const, metered: ['copy-data'] as const }
        : { heads: requestHeads }),
      maxLength,
    });
  // INVARIANT(exempt-streams): of what an exempt session sends or is sent, no more than this is kept.
  const requestHeads = {
    bind: HEAD_BYTES,
    'copy-done': HEAD_BYTES,
    'copy-fail': HEAD_BYTES,
    flush: HEAD_BYTES,
    'function-call': HEAD_BYTES,
    // A text beyond the limit is not looked at by the lexer either.
    parse: limits.statementBytes + HEAD_BYTES,
    query: limits.statementBytes + HEAD_BYTES,
    sync: HEAD_BYTES,
    terminate: HEAD_BYTES,
  };
  const answerHeads = { 'error-response': HEAD_BYTES, 'row-description': HEAD_BYTES };
  const backend = (interest: readonly BackendKind[], refused: readonly BackendKind[] = []): FrameTable =>
    backendTable({ interest, maxInterestingBytes: SERVER_MESSAGE_BYTES, refused });
  const logIn = backendTable({
    interest: [
      'authentication',
      'backend-key-data',
      'error-response',
      'negotiate-protocol-version',
      'ready-for-query',
      'parameter-status',
    ],
    maxInterestingBytes: LOG_IN_MESSAGE_BYTES,
    refused: allBut(atLogIn),
  });
  return {
    governedFrontend: frontend(limits.statementBytes, true),
    exemptFrontend: frontend(maxLength, false),
    rawFrontend: frontendTable({ interest: ['terminate'], maxInterestingBytes: 0, maxLength }),
    loginBackend: logIn,
    probeBackend: backend(atProbe, allBut(atProbe)),
    exemptBackend: backendTable({
      interest: followedAnswer,
      maxInterestingBytes: SERVER_MESSAGE_BYTES,
      heads: answerHeads,
    }),
    governedBackend: backend(checkedAnswer, neverInSession),
    meteredBackend: backendTable({
      interest: checkedAnswer,
      maxInterestingBytes: SERVER_MESSAGE_BYTES,
      metered: rows,
      refused: neverInSession,
    }),
    watchedBackend: backendTable({
      interest: checkedAnswer,
      maxInterestingBytes: SERVER_MESSAGE_BYTES,
      tapped: rows,
      refused: neverInSession,
    }),
    meteredWatchedBackend: backendTable({
      interest: checkedAnswer,
      maxInterestingBytes: SERVER_MESSAGE_BYTES,
      metered: rows,
      tapped: rows,
      refused: neverInSession,
    }),
    rawBackend: backendTable({
      interest: ['ready-for-query', 'error-response', 'command-complete'],
      maxInterestingBytes: SERVER_MESSAGE_BYTES,
      heads: { 'error-response': HEAD_BYTES },
    }),
    consoleFrontend: frontendTable({
      interest: everyRequest,
      maxInterestingBytes: CONSOLE_MESSAGE_BYTES,
      limits: empty,
      maxLength: CONSOLE_MESSAGE_BYTES,
    }),
    consoleLogin: logIn,
  };
}
