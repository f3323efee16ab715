/**
 * What pg_catalog says of code: functions, operators, casts, and what types run. As queries.ts: questions and rows only.
 */
import { reachable, systemSchemas } from './schemas.js';

/** Objects below this OID were made by initdb (src/include/access/transam.h, FirstNormalObjectId). */
const firstUserOid = 16_384;

/** FunctionFacts of the function with this OID, as jsonb. */
const facts = (oid: string): string => `(
  SELECT jsonb_build_object('oid', f.oid::int8, 'schema', fn.nspname::text, 'name', f.proname::text,
           'argumentTypes', oidvectortypes(f.proargtypes), 'language', fl.lanname::text,
           'volatile', f.provolatile = 'v', 'extension', (
             SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
             WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e'
               AND d.refclassid = 'pg_extension'::regclass))
  FROM pg_proc f JOIN pg_namespace fn ON fn.oid = f.pronamespace JOIN pg_language fl ON fl.oid = f.prolang
  WHERE f.oid = ${oid})`;

/** FunctionFacts as they come from the server, where nothing is null and not undefined. */
export interface FunctionFactsRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly argumentTypes: string;
  readonly language: string;
  readonly volatile: boolean;
  readonly extension: string | null;
}

export interface FunctionRow {
  readonly signature: string;
  readonly facts: FunctionFactsRow;
}

/** FAIL-CLOSED: what somebody added to pg_catalog after initdb is listed here too, with that schema. */
export const functionsQuery = `
SELECT pg_get_function_identity_arguments(p.oid) AS signature, ${facts('p.oid')} AS facts
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE (n.nspname NOT IN ${systemSchemas} OR p.oid >= ${firstUserOid}) AND ${reachable}
ORDER BY p.oid`;

export interface OperatorRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly function: FunctionFactsRow | null;
  readonly extension: string | null;
}

/** A shell operator, named as a commutator before it was defined, has no function. */
export const operatorsQuery = `
SELECT o.oid, n.nspname::text AS schema, o.oprname::text AS name, ${facts('o.oprcode')} AS function,
       e.extname::text AS extension
FROM pg_operator o
JOIN pg_namespace n ON n.oid = o.oprnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
WHERE (n.nspname <> 'pg_catalog' OR o.oid >= ${firstUserOid}) AND ${reachable}
ORDER BY o.oid`;

export interface CastRow {
  readonly source: number;
  readonly target: number;
  readonly function: FunctionFactsRow;
}

/** Binary-coercible casts and those by input and output functions call nothing of their own. */
export const castsQuery = `
SELECT c.castsource AS source, c.casttarget AS target, ${facts('c.castfunc')} AS function
FROM pg_cast c WHERE c.castfunc <> 0 AND c.oid >= ${firstUserOid}
ORDER BY c.oid`;

export interface TypeRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** What it is made of: a domain's base, an array's element, a range's subtype, a row's columns. */
  readonly parts: readonly number[];
}

/** Row types of tables and array types are types that a cast can name, so they are among them. */
export const typesQuery = `
SELECT t.oid, n.nspname::text AS schema, t.typname::text AS name, ARRAY(
         SELECT part::int8::float8 FROM (
           SELECT t.typbasetype WHERE t.typtype = 'd'
           UNION ALL SELECT t.typelem WHERE t.typelem <> 0
           UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
           UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid
           UNION ALL SELECT a.atttypid FROM pg_attribute a
                     WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND t.typrelid <> 0
         ) AS made (part)) AS parts
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE (n.nspname <> 'pg_catalog' OR t.oid >= ${firstUserOid}) AND ${reachable}
ORDER BY t.oid`;

export interface TypeCodeRow {
  readonly type: number;
  readonly use: 'coercing' | 'showing';
  readonly function: FunctionFactsRow;
}

/**
 * Functions of users' that a type itself calls. A domain's CHECKs depend on the functions and operators that they name
 * (pg_depend), built-in ones excepted. B-tree and hash operator classes compare, sort and hash (manual, 36.16).
 */
export const typeCodeQuery = `
WITH used (type, use, function) AS (
  SELECT t.oid, u.use, u.function FROM pg_type t CROSS JOIN LATERAL (VALUES
    ('coercing', t.typinput::oid), ('coercing', t.typreceive::oid), ('coercing', t.typmodin::oid),
    ('showing', t.typoutput::oid), ('showing', t.typsend::oid), ('showing', t.typmodout::oid),
    ('showing', t.typsubscript::oid)) AS u (use, function)
  UNION ALL
  SELECT k.contypid, 'coercing', coalesce(o.oprcode::oid, d.refobjid)
  FROM pg_constraint k
  JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
  LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
  WHERE k.contypid <> 0 AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
  UNION ALL
  SELECT r.rngtypid, 'coercing', r.rngcanonical::oid FROM pg_range r
  UNION ALL
  SELECT c.opcintype, 'showing', u.function
  FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod CROSS JOIN LATERAL (
    SELECT m.amproc::oid FROM pg_amproc m WHERE m.amprocfamily = c.opcfamily
    UNION ALL
    SELECT o.oprcode::oid FROM pg_amop m JOIN pg_operator o ON o.oid = m.amopopr WHERE m.amopfamily = c.opcfamily
  ) AS u (function)
  WHERE c.opcdefault AND a.amname IN ('btree', 'hash')
)
SELECT type, use, ${facts('function')} AS function
FROM (SELECT DISTINCT type, use, function FROM used WHERE function >= ${firstUserOid}) AS own
ORDER BY type, use, own.function`;

export interface BuiltinFunctionRow {
  readonly name: string;
  readonly arguments: readonly string[];
}

export const builtinFunctionsQuery = `
SELECT p.proname::text AS name, array_agg(oidvectortypes(p.proargtypes) ORDER BY p.oid) AS arguments
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'pg_catalog' AND p.oid < ${firstUserOid}
GROUP BY 1
ORDER BY 1`;

/** What one load reads of code. */
export interface CodeRows {
  readonly functions: readonly FunctionRow[];
  readonly operators: readonly OperatorRow[];
  readonly casts: readonly CastRow[];
  readonly types: readonly TypeRow[];
  readonly typeCode: readonly TypeCodeRow[];
  readonly builtinFunctions: readonly BuiltinFunctionRow[];
}
