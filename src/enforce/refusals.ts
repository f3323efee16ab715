/** Makes refusals. They are expected outcomes, so values; the texts name relations, columns and functions, never values. */
import { errorCatalog } from '../errors/catalog.js';
import type { Refusal, RefusalCode } from './types.js';

/** A refusal with the SQLSTATE that belongs to its code, unless the caller knows a better one. */
export function refuse(
  code: RefusalCode,
  words: {
    readonly message: string;
    readonly detail: string;
    readonly hint: string;
    readonly rule: string;
    readonly sqlstate?: string;
  },
): Refusal {
  const { sqlstate = errorCatalog[code].sqlstate, message, detail, hint, rule } = words;
  return { code, sqlstate, message, detail, hint, rule };
}
