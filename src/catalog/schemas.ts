/** Which schemas the questions to pg_catalog are about, as pieces of SQL. */

/** Schemas whose content is PostgreSQL's own; their relations are loaded with columns only. */
export const systemSchemas = `('pg_catalog', 'information_schema')`;

/**
 * What no governed statement can name: TOAST relations, and the temporary ones, which belong to other sessions than ours
 * and would change the version each time that any of them makes one.
 */
export const reachable = `n.nspname !~ '^pg_(toast|temp_|toast_temp_)'`;
