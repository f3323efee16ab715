/**
 * Extensions that were reviewed: their functions work on their arguments alone, so governed sessions may call them
 * without a word in the policy. Read for PostgreSQL 15 to 18 (contrib) and pgvector 0.8.
 */
export interface ReviewedExtension {
  /** Functions of it that stay closed: they change the session, or learn a type at run time. */
  readonly except?: readonly string[];
  /** Functions in SQL were read too. They use these operators of pg_catalog without its name. */
  readonly sqlOperators?: readonly string[];
}

export const reviewedExtensions: Readonly<Record<string, ReviewedExtension>> = {
  btree_gin: {},
  btree_gist: {},
  citext: { sqlOperators: ['=', '||', '[]'] },
  cube: {},
  earthdistance: {},
  fuzzystrmatch: {},
  hstore: { except: ['populate_record'] },
  intarray: {},
  isn: { except: ['isn_weak'] },
  ltree: {},
  pg_trgm: { except: ['set_limit'] },
  pgcrypto: {},
  seg: {},
  unaccent: {},
  'uuid-ossp': {},
  vector: {},
};

/**
 * Extensions whose functions in C run SQL, read files or tell sizes. Elsewhere a function in C that stands behind an
 * operator, a cast or a type works on its operands, and is let through.
 */
export const refusedExtensions: ReadonlySet<string> = new Set([
  'adminpack',
  'amcheck',
  'dblink',
  'file_fdw',
  'lo',
  'pageinspect',
  'pg_buffercache',
  'pg_freespacemap',
  'pg_logicalinspect',
  'pg_prewarm',
  'pg_stat_statements',
  'pg_surgery',
  'pg_visibility',
  'pg_walinspect',
  'pgrowlocks',
  'pgstattuple',
  'postgres_fdw',
  'sslinfo',
  'tablefunc',
  'xml2',
]);
