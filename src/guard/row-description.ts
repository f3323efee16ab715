/**
 * The tripwire behind the rewrite: a result field that claims to be a protected base column is a bug of ours
 * (DESIGN 5.7). It reads RowDescription and the plan's facts; it decides nothing about policies.
 */
import type { PlanFacts } from '../enforce/types.js';
import { openFrame } from '../wire/codec.js';
import { rowDescription } from '../wire/messages/row-description.js';

export interface ForbiddenField {
  readonly table: number;
  readonly column: number;
}

/**
 * The first field that must not be there.
 * INVARIANT(guard-on-the-wire): a session ends before the first row of a result that has one.
 */
export function findForbiddenField(frame: Buffer, facts: PlanFacts): ForbiddenField | undefined {
  if (facts.forbiddenFields.size === 0) return undefined;
  for (const field of rowDescription.decode(openFrame(frame, 'row-description')).fields) {
    if (field.tableOid === 0) continue;
    if (facts.forbiddenFields.has(`${field.tableOid}:${field.attnum}`))
      return { table: field.tableOid, column: field.attnum };
  }
  return undefined;
}
