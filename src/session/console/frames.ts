/** The frames that the console answers with. Every column is of type text, whose binary form is its text form. */
import { encodeBackend } from '../../wire/backend-message.js';
import { toByteString } from '../../wire/byte-string.js';
import { encodeFrame } from '../../wire/codec.js';
import { backendTypes } from '../../wire/message-types.js';
import { dataRow } from '../../wire/messages/data-row.js';
import { encodeErrorResponse } from '../../wire/messages/error-response.js';
import type { TransactionStatus } from '../../wire/messages/ready-for-query.js';
import type { Row } from './tables.js';

/** pg_type.oid of text. */
export const TEXT_OID = 25;

/** Formats of a Bind: none, one for all, or one a column (PostgreSQL manual, 54.7 Bind). */
export type Formats = readonly number[];

export interface ConsoleError {
  readonly sqlstate: string;
  /** Without `pgveil: `. */
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

export function rowDescriptionFrame(columns: readonly string[], formats: Formats = []): Buffer {
  return encodeBackend({
    kind: 'row-description',
    fields: columns.map((name, index) => ({
      name: toByteString(name),
      tableOid: 0,
      attnum: 0,
      typeOid: TEXT_OID,
      typeSize: -1,
      typmod: -1,
      format: formats.length === 1 ? formats[0]! : (formats[index] ?? 0),
    })),
  });
}

export function rowFrame(row: Row): Buffer {
  const values = row.map((value) => (value === undefined ? null : Buffer.from(value.replaceAll('\0', ''))));
  return encodeFrame(backendTypes['data-row'], dataRow, { kind: 'data-row', values });
}

export function errorFrame({ sqlstate, message, detail, hint }: ConsoleError): Buffer {
  return encodeErrorResponse({ severity: 'ERROR', sqlstate, message: `pgveil: ${message}`, detail, hint });
}

export function noticeFrame(severity: 'NOTICE' | 'WARNING', sqlstate: string, message: string): Buffer {
  return encodeBackend({
    kind: 'notice-response',
    fields: [
      ['S', severity],
      ['V', severity],
      ['C', sqlstate],
      ['M', toByteString(message)],
    ],
  });
}

export function completeFrame(tag: string): Buffer {
  return encodeBackend({ kind: 'command-complete', tag });
}

export function readyFrame(status: TransactionStatus): Buffer {
  return encodeBackend({ kind: 'ready-for-query', status });
}

export function parameterFrame(name: string, value: string): Buffer {
  return encodeBackend({ kind: 'parameter-status', name: toByteString(name), value: toByteString(value) });
}

export const frames = {
  parseComplete: encodeBackend({ kind: 'parse-complete' }),
  bindComplete: encodeBackend({ kind: 'bind-complete' }),
  closeComplete: encodeBackend({ kind: 'close-complete' }),
  noData: encodeBackend({ kind: 'no-data' }),
  emptyQuery: encodeBackend({ kind: 'empty-query-response' }),
  suspended: encodeBackend({ kind: 'portal-suspended' }),
} as const;
