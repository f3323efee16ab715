/**
 * LOCK TABLE for governed sessions: ACCESS SHARE alone, the lock that any SELECT takes, so that pg_dump works. It tells
 * nothing of a relation but that it is there, which the catalogs tell too. Stronger locks would block other sessions.
 */
import type { LockStmt } from '@pgsql/types';
import { refuse } from './refusals.js';
import type { Refusal } from './types.js';

/** AccessShareLock in src/include/storage/lockdefs.h. */
const accessShare = 1;

/** Why a LOCK is refused; undefined when it may run as it stands. */
export function refusedLock({ mode, relations = [] }: LockStmt): Refusal | undefined {
  if (mode !== accessShare) {
    return refused(
      'a lock of this mode blocks other sessions',
      'write IN ACCESS SHARE MODE, or use SELECT … FOR UPDATE',
    );
  }
  // INVARIANT(qualified): the statement is sent as it stands, so its names have to be whole.
  const whole = relations.every((one) => 'RangeVar' in one && one.RangeVar.schemaname !== undefined);
  return whole ? undefined : refused('its tables are named without their schemas', 'write schema.table');
}

function refused(detail: string, hint: string): Refusal {
  return refuse('statement-not-allowed', {
    message: 'this LOCK is not open to governed sessions',
    detail,
    hint,
    rule: 'pgveil:statements',
  });
}
