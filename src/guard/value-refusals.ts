/** Turns the error that generated SQL raises about a written value into the refusal that it stands for (DESIGN 5.2). */
import type { Refusal } from '../enforce/types.js';
import { errorCatalog } from '../errors/catalog.js';
import { readValueToken } from '../errors/value-token.js';
import { openFrame } from '../wire/codec.js';
import { errorField, errorResponse } from '../wire/messages/error-response.js';

/** PostgreSQL's code for a setting that does not exist. */
const UNDEFINED_OBJECT = '42704';

/** The refusal that an ErrorResponse of the server stands for; undefined for every other error. */
export function valueRefusal(frame: Buffer): Refusal | undefined {
  const message = errorResponse.decode(openFrame(frame, 'error-response'));
  // A function of the users' could raise the same words about a value: those come from another source file.
  if (errorField(message, 'C') !== UNDEFINED_OBJECT || errorField(message, 'F') !== 'guc.c') return undefined;
  const found = readValueToken(errorField(message, 'M') ?? '');
  if (found === undefined) return undefined;
  const { sqlstate } = errorCatalog['write-not-supported'];
  const common = { code: 'write-not-supported', sqlstate, rule: 'pgveil:writes' } as const;
  return found.problem === 'mask'
    ? {
        ...common,
        message: `a value for column "${found.column}" is itself a mask`,
        detail: 'stored as a new value it would stand there as if it were real data',
        hint: 'insert the real value, leave the column out, or use UPDATE, which keeps what a mask stands for',
      }
    : {
        ...common,
        message: `a document for column "${found.column}" holds something at a place that is denied`,
        detail: 'this role neither reads nor writes that place',
        hint: 'leave the key out of the document: what is stored there stays',
      };
}
