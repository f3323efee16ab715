/**
 * The process log: JSON lines through pino, without values. Owns which fields may never appear and how an error is told.
 * Imports nothing of ours.
 */
import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Fields are names, numbers and ids. The message is fixed text: anything from a client goes into no message. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

/** `error` may be anything that was thrown; it is told without what might be a value. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface LogOptions {
  readonly level: LogLevel;
  /** Where the lines go; standard error when absent. */
  readonly destination?: { write(line: string): void };
  /** In every line: instance, version. */
  readonly base?: Readonly<Record<string, string>>;
}

const FORBIDDEN_FIELDS = [
  'password',
  'secret',
  'token',
  'authorization',
  'sql',
  'query',
  'statement',
  'text',
  'values',
  'parameters',
  'params',
  'row',
  'literal',
];

/** Errors whose message is written by Node or by us, and names no more than files, hosts and properties. */
const TOLD_ERRORS = new Set([
  'Error',
  'TypeError',
  'RangeError',
  'ReferenceError',
  'AssertionError',
  'AuditUnavailableError',
]);

export function createLogger(options: LogOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: options.base ?? {},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError, err: describeError },
      redact: { paths: FORBIDDEN_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[withheld]' },
    },
    destination,
  );
}

/** What a server, the network or a certificate has said: where it was read in our code explains nothing. */
function isOutside(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : '';
  return 'severity' in error || 'syscall' in error || /^(CERT_|ERR_TLS_|ERR_SSL_|ECONN)/.test(code);
}

function callStack(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');
}

/**
 * Name, code and call stack of an error. The message stays only where it cannot quote a value: a SyntaxError of
 * JSON.parse quotes its input, a parser's error the statement, PostgreSQL's error a row.
 */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code, cause } = error as NodeJS.ErrnoException;
  const told = TOLD_ERRORS.has(error.name) && !('severity' in error);
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: told ? error.message : '[withheld]',
    ...(isOutside(error) ? {} : { stack: callStack(error) }),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
}
