/**
 * Functions of PostgreSQL and of reviewed extensions that keep a state which a client can read again: how often they ran
 * shows. `test/integration/reviewed-lists.test.ts` holds the list to the volatile functions of every server.
 */
export const statefulFunctions: ReadonlySet<string> = new Set(
  `array_sample array_shuffle nextval setval pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock
  pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
  pg_current_xact_id pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
  pg_try_advisory_xact_lock_shared random random_normal set_config set_limit setseed txid_current`.split(
    /\s+/,
  ),
);

/** Volatile, and no call tells how many were made before it: clocks, waits, strong random numbers, facts of the server. */
export const statelessVolatile: ReadonlySet<string> = new Set(
  `clock_timestamp currval gen_random_uuid lastval pg_collation_actual_version pg_database_collation_actual_version
  pg_database_size pg_indexes_size pg_is_in_recovery pg_jit_available pg_partition_ancestors pg_partition_tree
  pg_relation_size pg_sleep pg_sleep_for pg_sleep_until pg_table_size pg_tablespace_size pg_total_relation_size timeofday
  uuidv4 uuidv7`.split(/\s+/),
);
