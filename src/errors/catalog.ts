/**
 * The one table of everything pgveil itself may answer with: code → SQLSTATE, severity, log level, metric label,
 * audit outcome and what the reader can do. It knows no message texts (those name the statement's own objects and are
 * written where the refusal is made) and imports nothing but the type of the refusals.
 * docs/errors.md lists the same table; a test keeps both equal.
 */
import type { RefusalCode } from '../enforce/types.js';

/** What ends a connection or keeps one from being made, or answers outside a statement's plan. */
export type SessionErrorCode =
  | 'session-unmatched'
  | 'tls-required'
  | 'tls-handshake'
  | 'client-certificate'
  | 'auth-timeout'
  | 'auth-failed'
  | 'verifiers-unreachable'
  | 'upstream-login-failed'
  | 'too-many-connections'
  | 'too-many-connections-of-user'
  | 'too-many-connections-of-address'
  | 'connections-uncounted'
  | 'startup-setting-not-allowed'
  | 'startup-setting-invalid'
  | 'client-encoding-not-utf8'
  | 'replication-not-allowed'
  | 'function-call-not-allowed'
  | 'upstream-unreachable'
  | 'upstream-tls'
  | 'pooler-undeclared'
  | 'upstream-lost'
  | 'outcome-unwritten'
  | 'protocol-violation'
  | 'message-too-large'
  | 'shutting-down'
  | 'guard-trip'
  | 'internal-bug';

export type ErrorCode = RefusalCode | SessionErrorCode;

export interface ErrorEntry {
  /** PostgreSQL manual, appendix A. */
  readonly sqlstate: string;
  /** FATAL ends the connection. */
  readonly severity: 'ERROR' | 'FATAL';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** The `reason` label of pgveil_denied_total, pgveil_auth_failures_total or the log line. */
  readonly reason: string;
  /** How the audit event of the statement (or of the log-in) ends; undefined: no statement was concerned. */
  readonly audit: 'refused' | 'failure' | 'interrupted' | 'login-failed' | undefined;
  /** One sentence for the documentation and the HINT of a refusal that has no better one. */
  readonly recovery: string;
}

function refused(
  reason: string,
  recovery: string,
  sqlstate = '42501',
  logLevel: ErrorEntry['logLevel'] = 'info',
): ErrorEntry {
  return { sqlstate, severity: 'ERROR', logLevel, reason, audit: 'refused', recovery };
}

function fatal(
  sqlstate: string,
  reason: string,
  audit: ErrorEntry['audit'],
  logLevel: ErrorEntry['logLevel'],
  recovery: string,
): ErrorEntry {
  return { sqlstate, severity: 'FATAL', logLevel, reason, audit, recovery };
}

export const errorCatalog = {
  'statement-not-allowed': refused('statement', 'use a SELECT, or run this statement with an exempt login'),
  'function-not-allowed': refused(
    'function',
    'use a built-in function of the allow-list, or have the policy list this one',
  ),
  'operator-not-allowed': refused(
    'operator',
    'use a built-in operator, or cast the operands to built-in types',
  ),
  'relation-denied': refused(
    'relation',
    "ask the policy's owner for access to this table under this role and purpose",
  ),
  'column-denied': refused(
    'column',
    'leave this column out, or ask the policy\'s owner for a mask instead of "deny"',
  ),
  'catalog-denied': refused(
    'catalog',
    'this system catalog discloses data or other sessions; use an exempt login',
  ),
  'write-not-supported': refused(
    'write',
    'write to the table itself with INSERT, UPDATE or DELETE, in the form that DETAIL and HINT name',
  ),
  'shape-not-supported': refused(
    'shape',
    'write the statement in a simpler form; DETAIL names the part that cannot be enforced',
  ),
  'setting-not-allowed': refused(
    'setting',
    'this setting cannot be changed through pgveil by a governed session',
  ),
  'claim-missing': refused(
    'claim_missing',
    'say first who acts: SET pgveil.role and pgveil.purpose, or SET pgveil.token, as HINT says',
  ),
  'claim-refused': refused(
    'claim',
    "claim a role of the session's may: and one of that role's purposes, or a token that is valid",
  ),
  'server-session': refused(
    'server_session',
    'do it within one transaction, or have upstream.pooler name a pooler in session mode',
    '0A000',
  ),
  'unknown-relation': refused(
    'unknown_relation',
    'check the spelling and the search_path; a new table is known after the next refresh',
    '42P01',
  ),
  'sql-problem': refused('syntax', 'correct the statement; it is not valid PostgreSQL', '42601'),
  'statement-too-large': refused('too_large', 'split the statement, or raise limits.statement_bytes'),
  'unknown-prepared-statement': refused(
    'unknown_prepared',
    'prepare the statement again; role, purpose or policy may have changed',
    '26000',
  ),
  'catalog-stale': refused(
    'catalog_stale',
    'pgveil cannot read the database catalog; retry, and check catalog.url',
    '57P03',
    'warn',
  ),
  'audit-unavailable': refused(
    'audit',
    'the statement has not run; retry, and check the disk that holds audit.spool',
    '57P03',
    'error',
  ),
  'row-limit': refused(
    'row_limit',
    "select fewer rows, wait until DETAIL's hour has passed, or ask the policy's owner for a higher limit",
  ),
  'rewrite-mismatch': refused(
    'rewrite',
    'this is a bug of pgveil; the statement has not run; please report its shape',
    '42501',
    'error',
  ),
  'session-unmatched': fatal(
    '28000',
    'unmatched',
    'login-failed',
    'warn',
    'add an entry for this user, database and address to "sessions" of the policy',
  ),
  'tls-required': fatal(
    '28000',
    'tls_required',
    'login-failed',
    'info',
    'connect with sslmode=require or stricter',
  ),
  'tls-handshake': fatal(
    '08P01',
    'tls_handshake',
    'login-failed',
    'info',
    "the client is told by TLS alone; the log says what failed: versions, the protocol's name, or the client's distrust",
  ),
  'client-certificate': fatal(
    '28000',
    'client_certificate',
    'login-failed',
    'warn',
    'connect with sslcert and sslkey of a certificate in date that listen.tls.client_ca has signed',
  ),
  'auth-timeout': fatal('08006', 'timeout', 'login-failed', 'info', 'log in within limits.auth_timeout'),
  'auth-failed': fatal(
    '28P01',
    'rejected',
    'login-failed',
    'info',
    'check user name and password; the database server decided',
  ),
  'verifiers-unreachable': fatal(
    '08006',
    'verifiers',
    'login-failed',
    'error',
    'check auth.verifiers, and that its database or file can be read',
  ),
  'upstream-login-failed': fatal(
    '28000',
    'upstream_login',
    'login-failed',
    'error',
    "make the server's pg_hba.conf and auth.verifiers agree; the log of pgveil says what the server asked for",
  ),
  'too-many-connections': fatal(
    '53300',
    'too_many',
    'login-failed',
    'warn',
    'close idle connections, or raise limits.connections',
  ),
  'too-many-connections-of-user': fatal(
    '53300',
    'too_many_of_user',
    'login-failed',
    'warn',
    'close idle connections of this user, or raise limits.connections_per_user',
  ),
  'too-many-connections-of-address': fatal(
    '53300',
    'too_many_of_address',
    'login-failed',
    'warn',
    'close idle connections from this address, or raise limits.connections_per_address',
  ),
  'connections-uncounted': fatal(
    '53300',
    'uncounted',
    'login-failed',
    'error',
    "retry; the process that counts the workers' connections does not answer, see the log",
  ),
  'startup-setting-not-allowed': fatal(
    '42501',
    'startup_setting',
    'login-failed',
    'info',
    'remove this setting from the connection string',
  ),
  'startup-setting-invalid': fatal(
    '22023',
    'startup_setting',
    'login-failed',
    'info',
    'correct this setting in the connection string',
  ),
  'client-encoding-not-utf8': fatal(
    '22023',
    'encoding',
    'login-failed',
    'info',
    'connect with client_encoding=UTF8',
  ),
  'replication-not-allowed': fatal(
    '42501',
    'replication',
    'login-failed',
    'warn',
    'replicate from the database directly; pgveil cannot mask a replication stream',
  ),
  'function-call-not-allowed': {
    sqlstate: '42501',
    severity: 'ERROR',
    logLevel: 'info',
    reason: 'function_call',
    audit: 'refused',
    recovery: 'call the function with SELECT instead of the fast-path message',
  },
  'upstream-unreachable': fatal(
    '08006',
    'upstream',
    'login-failed',
    'error',
    'check that the database runs and that upstream.host and upstream.port are right',
  ),
  'upstream-tls': fatal(
    '08006',
    'upstream_tls',
    'login-failed',
    'error',
    "check upstream.tls against the database server's certificate and pg_hba.conf; the log says what failed",
  ),
  'pooler-undeclared': fatal(
    // sqlserver_rejected_establishment_of_sqlconnection
    '08004',
    'pooler',
    'login-failed',
    'error',
    'write "pooler: session" or "pooler: transaction" under "upstream" in the configuration, as the pooler is set up',
  ),
  'upstream-lost': fatal(
    '08006',
    'upstream',
    'interrupted',
    'warn',
    'reconnect; the statement may or may not have been committed',
  ),
  'outcome-unwritten': fatal(
    // transaction_resolution_unknown
    '08007',
    'audit',
    'interrupted',
    'error',
    'reconnect; the statement may have been committed; check the disk that holds audit.spool',
  ),
  'protocol-violation': fatal(
    '08P01',
    'protocol',
    undefined,
    'warn',
    'use a driver that speaks PostgreSQL protocol 3.0',
  ),
  'message-too-large': fatal(
    '08P01',
    'too_large',
    undefined,
    'warn',
    'send less in one message, or raise limits.message_bytes',
  ),
  'shutting-down': fatal(
    '57P01',
    'shutdown',
    undefined,
    'info',
    'reconnect; pgveil is being stopped or restarted',
  ),
  'guard-trip': fatal(
    'XX000',
    'guard',
    'failure',
    'error',
    'no row was sent; this is a bug of pgveil, please report the shape of the statement',
  ),
  'internal-bug': fatal(
    'XX000',
    'bug',
    'failure',
    'error',
    'reconnect, and report the log line; the connection was cut so that nothing leaks',
  ),
} as const satisfies Record<ErrorCode, ErrorEntry>;

/** The table's entry, under its general type. */
export function errorEntry(code: ErrorCode): ErrorEntry {
  return errorCatalog[code];
}
