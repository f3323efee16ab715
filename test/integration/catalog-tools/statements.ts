/**
 * What tools ask of the catalogs when they connect, complete names and draw trees, in the shapes that their logs show.
 * `equal`: a governed login gets the server's own rows. `blank`: it works, with sizes, counts or texts left blank.
 */
export interface ToolStatements {
  readonly tool: string;
  readonly equal: readonly string[];
  readonly blank?: readonly string[];
}

export const toolStatements: readonly ToolStatements[] = [
  {
    tool: 'psql completing names',
    equal: [
      `SELECT DISTINCT c.relname, NULL::pg_catalog.text FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'S', 'v', 'm', 'f', 'p')
       AND (c.relname) LIKE 'cust%' AND pg_catalog.pg_table_is_visible(c.oid)
       AND c.relnamespace <> (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pg_catalog')
       UNION ALL SELECT NULL::pg_catalog.text, n.nspname FROM pg_catalog.pg_namespace n WHERE n.nspname LIKE 'cust%'
       AND n.nspname NOT LIKE E'pg\\\\_%' LIMIT 1000`,
      `SELECT attname FROM pg_catalog.pg_attribute a, pg_catalog.pg_class c, pg_catalog.pg_namespace n
       WHERE a.attrelid = c.oid AND n.oid = c.relnamespace AND a.attnum > 0 AND NOT a.attisdropped AND (a.attname) LIKE 'em%'
       AND (c.relname) = ('customers') AND pg_catalog.pg_table_is_visible(c.oid) LIMIT 1000`,
      `SELECT DISTINCT name FROM (SELECT pg_catalog.lower(name) AS name FROM pg_catalog.pg_settings WHERE context IN ('user', 'superuser')
       UNION ALL SELECT 'constraints' UNION ALL SELECT 'session characteristics') ss WHERE name LIKE 'tim%' ORDER BY name`,
      `SELECT pg_catalog.quote_ident(conname) FROM pg_catalog.pg_class c1, pg_catalog.pg_constraint con WHERE c1.oid = conrelid
       AND (c1.relname) = ('orders') AND pg_catalog.pg_table_is_visible(c1.oid)`,
      `SELECT datname FROM pg_catalog.pg_database WHERE substring(pg_catalog.quote_ident(datname), 1, 2) = 'te' ORDER BY 1 LIMIT 3`,
      `SELECT name FROM pg_catalog.pg_timezone_names() WHERE pg_catalog.quote_literal(pg_catalog.lower(name)) LIKE '''europe/be%' ORDER BY 1`,
    ],
    blank: [
      `SELECT name FROM pg_catalog.pg_prepared_statements WHERE name LIKE 'p%' LIMIT 1000`,
      `SELECT name, statement FROM pg_catalog.pg_cursors WHERE name LIKE 'c%' LIMIT 1000`,
    ],
  },
  {
    tool: 'the JDBC driver',
    equal: [
      `SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME,
         CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'
           WHEN true THEN CASE WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema'
             THEN CASE c.relkind WHEN 'r' THEN 'SYSTEM TABLE' WHEN 'v' THEN 'SYSTEM VIEW' ELSE NULL END ELSE NULL END
           WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END
           ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS, '' as TYPE_CAT, '' as TYPE_SCHEM, '' as TYPE_NAME
       FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c
       LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass)
       WHERE c.relnamespace = n.oid AND n.nspname LIKE 'public' ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME`,
      `SELECT * FROM (SELECT n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,
         a.atttypmod, a.attlen, t.typtypmod, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum,
         nullif(a.attidentity, '') as attidentity, nullif(a.attgenerated, '') as attgenerated,
         pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, t.typbasetype, t.typtype
       FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid)
       JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid)
       LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum)
       LEFT JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid)
       WHERE c.relkind in ('r', 'p', 'v', 'f', 'm') and a.attnum > 0 AND NOT a.attisdropped AND c.relname LIKE 'customers') c
       WHERE true ORDER BY nspname, c.relname, attnum`,
      `SELECT result.TABLE_CAT, result.TABLE_SCHEM, result.TABLE_NAME, result.COLUMN_NAME, result.KEY_SEQ, result.PK_NAME
       FROM (SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME,
         (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME,
         information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM
       FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid)
       JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid)
       JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true AND ct.relname = 'order_items' AND i.indisprimary) result
       WHERE result.A_ATTNUM = (result.KEYS).x ORDER BY result.table_name, result.pk_name, result.key_seq`,
      `SELECT NULL::text AS PKTABLE_CAT, pkn.nspname AS PKTABLE_SCHEM, pkc.relname AS PKTABLE_NAME, pka.attname AS PKCOLUMN_NAME,
         fkn.nspname AS FKTABLE_SCHEM, fkc.relname AS FKTABLE_NAME, fka.attname AS FKCOLUMN_NAME, pos.n AS KEY_SEQ,
         CASE con.confupdtype WHEN 'c' THEN 0 WHEN 'n' THEN 2 WHEN 'd' THEN 4 WHEN 'r' THEN 1 WHEN 'a' THEN 3 ELSE NULL END AS UPDATE_RULE,
         con.conname AS FK_NAME, pkic.relname AS PK_NAME
       FROM pg_catalog.pg_namespace pkn, pg_catalog.pg_class pkc, pg_catalog.pg_attribute pka, pg_catalog.pg_namespace fkn,
         pg_catalog.pg_class fkc, pg_catalog.pg_attribute fka, pg_catalog.pg_constraint con,
         pg_catalog.generate_series(1, 32) pos(n), pg_catalog.pg_class pkic
       WHERE pkn.oid = pkc.relnamespace AND pkc.oid = pka.attrelid AND pka.attnum = con.confkey[pos.n] AND con.confrelid = pkc.oid
         AND fkn.oid = fkc.relnamespace AND fkc.oid = fka.attrelid AND fka.attnum = con.conkey[pos.n] AND con.conrelid = fkc.oid
         AND con.contype = 'f' AND (pkic.relkind = 'i' OR pkic.relkind = 'I') AND pkic.oid = con.conindid AND fkc.relname = 'order_items'
       ORDER BY pkn.nspname, pkc.relname, con.conname, pos.n`,
      `SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid FROM pg_catalog.pg_type
       LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns
         join (select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r)) as r
         using (nspname)) as sp ON sp.nspoid = typnamespace
       WHERE pg_type.oid = 1043 ORDER BY sp.r, pg_type.oid DESC`,
      `SELECT e.typdelim FROM pg_catalog.pg_type t, pg_catalog.pg_type e WHERE t.oid = 1009 and t.typelem = e.oid`,
      `SELECT tmp.TABLE_SCHEM, tmp.TABLE_NAME, tmp.NON_UNIQUE, tmp.INDEX_NAME, trim(both '"' from pg_catalog.pg_get_indexdef(tmp.CI_OID, tmp.ORDINAL_POSITION, false)) AS COLUMN_NAME
       FROM (SELECT n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, NOT i.indisunique AS NON_UNIQUE, ci.relname AS INDEX_NAME,
         (information_schema._pg_expandarray(i.indkey)).n AS ORDINAL_POSITION, ci.oid AS CI_OID
       FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid)
       JOIN pg_catalog.pg_index i ON (ct.oid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid)
       JOIN pg_catalog.pg_am am ON (ci.relam = am.oid) WHERE ct.relname = 'customers') AS tmp ORDER BY NON_UNIQUE, INDEX_NAME, ORDINAL_POSITION`,
      `SELECT nspname AS TABLE_SCHEM, NULL AS TABLE_CATALOG FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast'
       AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) ORDER BY TABLE_SCHEM`,
      `SELECT string_agg(word, ',') FROM pg_catalog.pg_get_keywords() WHERE word <> ALL ('{a,abs,absolute}'::text[])`,
      `SELECT t1.typlen FROM pg_catalog.pg_type t1, pg_catalog.pg_namespace n WHERE t1.typnamespace = n.oid AND t1.typname = 'name' AND n.nspname = 'pg_catalog'`,
    ],
  },
  {
    tool: 'Npgsql loading types',
    equal: [
      `SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid
       FROM (SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid,
           elemtyp.typname AS elemtypname, elemcls.relkind AS elemrelkind, CASE WHEN elemproc.proname='array_recv' THEN 'a' ELSE elemtyp.typtype END AS elemtyptype
         FROM (SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid,
             CASE WHEN proc.proname='array_recv' THEN 'a' ELSE typ.typtype END AS typtype,
             CASE WHEN proc.proname='array_recv' THEN typ.typelem WHEN typ.typtype='r' THEN rngsubtype
               WHEN typ.typtype='m' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = typ.oid)
               WHEN typ.typtype='d' THEN typ.typbasetype END AS elemtypoid
           FROM pg_type AS typ LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid) LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive
           LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)) AS typ
         LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemtypoid LEFT JOIN pg_class AS elemcls ON (elemcls.oid = elemtyp.typrelid)
         LEFT JOIN pg_proc AS elemproc ON elemproc.oid = elemtyp.typreceive) AS t
       JOIN pg_namespace AS ns ON (ns.oid = typnamespace)
       WHERE typtype IN ('b', 'r', 'm', 'e', 'd') OR (typtype = 'c' AND relkind='c') OR (typtype = 'p' AND typname IN ('record', 'void', 'unknown'))
         OR (typtype = 'a' AND (elemtyptype IN ('b', 'r', 'm', 'e', 'd') OR (elemtyptype = 'p' AND elemtypname IN ('record', 'void')) OR (elemtyptype = 'c' AND elemrelkind='c')))
       ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'r' THEN 1 WHEN typtype = 'm' THEN 2 WHEN typtype = 'c' THEN 3 WHEN typtype = 'd' AND elemtyptype <> 'a' THEN 4 WHEN typtype = 'a' THEN 5 END, t.oid`,
      `SELECT typ.oid, att.attname, att.atttypid FROM pg_type AS typ JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace)
       JOIN pg_class AS cls ON (cls.oid = typ.typrelid) JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid)
       WHERE (typ.typtype = 'c' AND cls.relkind='c') AND attnum > 0 AND NOT attisdropped ORDER BY typ.oid, att.attnum`,
      `SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid=enumtypid ORDER BY oid, enumsortorder`,
      `SELECT version()`,
      `SELECT typcategory, pg_catalog.format_type(oid, NULL) FROM pg_type WHERE oid = ANY ('{23,25}'::oid[]) ORDER BY oid`,
    ],
  },
  {
    tool: 'Hibernate',
    equal: [
      `select * from information_schema.sequences`,
      `select current_schema()`,
      `select tbl.table_name, tbl.table_type from information_schema.tables tbl where tbl.table_schema = 'public' order by 1`,
      `select constraint_name, unique_constraint_name from information_schema.referential_constraints order by 1`,
    ],
  },
  {
    tool: 'Prisma introspecting',
    equal: [
      `SELECT namespace.nspname as schema_name FROM pg_namespace as namespace WHERE namespace.nspname = ANY ('{public}') ORDER BY namespace.nspname`,
      `SELECT tbl.relname AS table_name, namespace.nspname as namespace, (tbl.relhassubclass and tbl.relkind = 'p') as is_partition,
         (tbl.relhassubclass and tbl.relkind = 'r') as has_subclass, tbl.relrowsecurity as has_row_level_security, reloptions, obj_description(tbl.oid, 'pg_class') as description
       FROM pg_class AS tbl INNER JOIN pg_namespace AS namespace ON namespace.oid = tbl.relnamespace
       WHERE ((tbl.relkind = 'r' AND tbl.relispartition = 'f') OR tbl.relkind = 'p') AND namespace.nspname = ANY ('{public}') ORDER BY namespace, table_name`,
      `SELECT oid.namespace, info.table_name, info.column_name, format_type(att.atttypid, att.atttypmod) as formatted_type, info.numeric_precision,
         info.numeric_scale, info.data_type, info.udt_schema as type_schema_name, info.udt_name as full_data_type,
         pg_get_expr(attdef.adbin, attdef.adrelid) AS column_default, info.is_nullable, info.is_identity, info.character_maximum_length,
         col_description(att.attrelid, ordinal_position) AS description
       FROM information_schema.columns info JOIN pg_attribute att ON att.attname = info.column_name
       JOIN (SELECT pg_class.oid, relname, pg_namespace.nspname as namespace FROM pg_class JOIN pg_namespace on pg_namespace.oid = pg_class.relnamespace
         AND pg_namespace.nspname = ANY ('{public}') WHERE reltype > 0) as oid
         ON oid.oid = att.attrelid AND relname = info.table_name AND namespace = info.table_schema
       LEFT OUTER JOIN pg_attrdef attdef ON attdef.adrelid = att.attrelid AND attdef.adnum = att.attnum AND table_schema = namespace
       WHERE table_schema = ANY ('{public}') ORDER BY namespace, table_name, ordinal_position`,
      `WITH rawindex AS (SELECT indrelid, indexrelid, indisunique, indisprimary, unnest(indkey) AS indkeyid,
           generate_subscripts(indkey, 1) AS indkeyidx, unnest(indclass) AS indclass, unnest(indoption) AS indoption
         FROM pg_index WHERE indpred IS NULL AND NOT indisexclusion)
       SELECT schemainfo.nspname AS namespace, indexinfo.relname AS index_name, tableinfo.relname AS table_name, columninfo.attname AS column_name,
         rawindex.indisunique AS is_unique, rawindex.indisprimary AS is_primary_key, rawindex.indkeyidx AS column_index, opclass.opcname AS opclass,
         opclass.opcdefault AS opcdefault, indexaccess.amname AS index_algo,
         CASE rawindex.indoption & 1 WHEN 1 THEN 'DESC' ELSE 'ASC' END AS column_order
       FROM rawindex INNER JOIN pg_class AS tableinfo ON tableinfo.oid = rawindex.indrelid
       INNER JOIN pg_class AS indexinfo ON indexinfo.oid = rawindex.indexrelid
       INNER JOIN pg_namespace AS schemainfo ON schemainfo.oid = tableinfo.relnamespace
       LEFT JOIN pg_attribute AS columninfo ON columninfo.attrelid = tableinfo.oid AND columninfo.attnum = rawindex.indkeyid
       INNER JOIN pg_am AS indexaccess ON indexaccess.oid = indexinfo.relam LEFT JOIN pg_opclass AS opclass ON opclass.oid = rawindex.indclass
       WHERE schemainfo.nspname = ANY ('{public}') ORDER BY namespace, table_name, index_name, column_index`,
      `SELECT con.oid AS con_id, att2.attname AS child_column, cl.relname AS parent_table, att.attname AS parent_column, con.confdeltype, con.confupdtype, conname AS constraint_name,
         child, parent, table_name, namespace, condeferrable, condeferred
       FROM (SELECT ns.nspname AS "namespace", unnest(con1.conkey) AS "parent", unnest(con1.confkey) AS "child", cl.relname AS table_name, con1.oid,
           con1.confrelid, con1.conrelid, con1.conname, generate_subscripts(con1.conkey, 1) AS colidx, con1.confdeltype, con1.confupdtype, con1.condeferrable, con1.condeferred
         FROM pg_class cl join pg_constraint con1 on con1.conrelid = cl.oid join pg_namespace ns on cl.relnamespace = ns.oid
         WHERE ns.nspname = ANY ('{public}') and con1.contype = 'f') con
       JOIN pg_attribute att on att.attrelid = con.confrelid and att.attnum = con.child JOIN pg_class cl on cl.oid = con.confrelid
       JOIN pg_attribute att2 on att2.attrelid = con.conrelid and att2.attnum = con.parent ORDER BY namespace, table_name, constraint_name, con_id, con.colidx`,
      `SELECT sequence_name, sequence_schema AS namespace, sequences.start_value::INT8, minimum_value::INT8, maximum_value::INT8, increment::INT8,
         (CASE cycle_option WHEN 'yes' THEN TRUE ELSE FALSE END) AS cycle, COALESCE(pg_sequences.cache_size::INT8, 1::INT8) AS cache_size
       FROM information_schema.sequences LEFT JOIN pg_sequences ON sequences.sequence_schema = pg_sequences.schemaname AND sequences.sequence_name = pg_sequences.sequencename
       WHERE sequence_schema = ANY ('{public}') ORDER BY sequence_name`,
      `SELECT views.viewname AS view_name, views.schemaname AS namespace, views.definition AS view_sql FROM pg_catalog.pg_views views
       WHERE schemaname = ANY ('{public}') ORDER BY 1`,
      `SELECT t.typname as name, e.enumlabel as value, n.nspname as namespace FROM pg_type t JOIN pg_enum e ON t.oid = e.enumtypid
       JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = ANY ('{public}') ORDER BY e.enumsortorder`,
      `SELECT p.proname AS name, n.nspname as namespace, CASE WHEN l.lanname = 'internal' THEN p.prosrc ELSE pg_get_functiondef(p.oid) END as definition
       FROM pg_proc p LEFT JOIN pg_namespace n ON p.pronamespace = n.oid LEFT JOIN pg_language l ON p.prolang = l.oid WHERE n.nspname = ANY ('{public}')`,
      `SELECT ext.extname AS extension_name, ext.extversion AS extension_version, ext.extrelocatable AS extension_relocatable, pn.nspname AS extension_schema
       FROM pg_extension ext INNER JOIN pg_namespace pn ON ext.extnamespace = pn.oid ORDER BY ext.extname ASC`,
      `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'public'), version(), current_setting('server_version_num')::integer as numeric_version`,
    ],
  },
  {
    tool: 'SQLAlchemy',
    equal: [
      `select pg_catalog.version()`,
      `select current_schema()`,
      `SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
       WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid)
       AND pg_catalog.pg_namespace.nspname != 'pg_catalog' ORDER BY 1`,
      `SELECT pg_catalog.pg_attribute.attname AS name, pg_catalog.format_type(pg_catalog.pg_attribute.atttypid, pg_catalog.pg_attribute.atttypmod) AS format_type,
         (SELECT pg_catalog.pg_get_expr(pg_catalog.pg_attrdef.adbin, pg_catalog.pg_attrdef.adrelid) AS pg_get_expr_1 FROM pg_catalog.pg_attrdef
          WHERE pg_catalog.pg_attrdef.adrelid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attrdef.adnum = pg_catalog.pg_attribute.attnum AND pg_catalog.pg_attribute.atthasdef) AS "default",
         pg_catalog.pg_attribute.attnotnull AS not_null, pg_catalog.pg_class.relname AS table_name, pg_catalog.pg_description.description AS comment,
         (SELECT json_build_object('always', pg_catalog.pg_attribute.attidentity = 'a', 'start', pg_catalog.pg_sequence.seqstart, 'cache', pg_catalog.pg_sequence.seqcache) AS json_build_object_1
          FROM pg_catalog.pg_sequence WHERE pg_catalog.pg_attribute.attidentity != '' AND pg_catalog.pg_sequence.seqrelid = CAST(CAST(pg_catalog.pg_get_serial_sequence(CAST(CAST(pg_catalog.pg_attribute.attrelid AS REGCLASS) AS TEXT), pg_catalog.pg_attribute.attname) AS REGCLASS) AS OID)) AS identity_options
       FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_attribute ON pg_catalog.pg_class.oid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attribute.attnum > 0 AND NOT pg_catalog.pg_attribute.attisdropped
       LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_description.objsubid = pg_catalog.pg_attribute.attnum
       JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
       WHERE pg_catalog.pg_class.relname IN ('customers', 'orders') AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_attribute.attnum`,
      `SELECT attr.conrelid, array_agg(CAST(attr.attname AS TEXT) ORDER BY attr.ord) AS cols, attr.conname, min(attr.description) AS description
       FROM (SELECT con.conrelid AS conrelid, con.conname AS conname, con.ord AS ord, con.description AS description, pg_catalog.pg_attribute.attname AS attname
         FROM pg_catalog.pg_attribute JOIN (SELECT pg_catalog.pg_constraint.conrelid AS conrelid, pg_catalog.pg_constraint.conname AS conname,
           unnest(pg_catalog.pg_constraint.conkey) AS attnum, generate_subscripts(pg_catalog.pg_constraint.conkey, 1) AS ord, pg_catalog.pg_description.description AS description
           FROM pg_catalog.pg_constraint LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_constraint.oid
           WHERE pg_catalog.pg_constraint.contype = 'p') AS con ON pg_catalog.pg_attribute.attnum = con.attnum AND pg_catalog.pg_attribute.attrelid = con.conrelid) AS attr
       GROUP BY attr.conrelid, attr.conname ORDER BY attr.conrelid, attr.conname`,
    ],
  },
  {
    tool: 'asyncpg and psycopg looking types up',
    equal: [
      `WITH RECURSIVE typeinfo_tree(oid, ns, name, kind, basetype, elemtype, elemdelim, depth) AS (
         SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, t.typelem, et.typdelim, 0 FROM pg_catalog.pg_type t
           JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_type et ON et.oid = t.typelem WHERE t.oid = any('{1015,3904}'::oid[])
         UNION ALL
         SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, t.typelem, ',', tt.depth + 1 FROM pg_catalog.pg_type t
           JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace, typeinfo_tree tt WHERE tt.elemtype = t.oid)
       SELECT DISTINCT *, basetype::regtype::text AS basetype_name FROM typeinfo_tree ORDER BY depth DESC, oid`,
      `SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t WHERE t.oid = to_regtype('jsonb') ORDER BY t.oid`,
      `SELECT t.typname AS name, t.oid AS oid, t.typarray AS array_oid, array_agg(x.enumlabel) AS labels FROM pg_type t
       LEFT JOIN (SELECT e.enumtypid, e.enumlabel FROM pg_enum e ORDER BY e.enumsortorder) x ON x.enumtypid = t.oid WHERE t.oid = to_regtype('regclass') GROUP BY t.typname, t.oid, t.typarray`,
    ],
  },
  {
    tool: 'ActiveRecord',
    equal: [
      `SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype FROM pg_type as t LEFT JOIN pg_range as r ON oid = rngtypid
       WHERE t.typname IN ('int2', 'int4', 'text', 'varchar', 'bool', 'timestamptz', 'jsonb') ORDER BY t.oid`,
      `SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname,
         col_description(a.attrelid, a.attnum) AS comment, attidentity AS identity, attgenerated as attgenerated
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid
       LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation
       WHERE a.attrelid = '"customers"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      `SELECT a.attname FROM (SELECT indrelid, indkey, generate_subscripts(indkey, 1) idx FROM pg_index WHERE indrelid = '"order_items"'::regclass AND indisprimary) i
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[i.idx] ORDER BY i.idx`,
      `SELECT distinct i.relname, d.indisunique, d.indkey, pg_get_indexdef(d.indexrelid), t.oid, pg_catalog.obj_description(i.oid, 'pg_class') AS comment, d.indisvalid,
         ARRAY(SELECT pg_get_indexdef(d.indexrelid, k + 1, true) FROM generate_subscripts(d.indkey, 1) AS k ORDER BY k) AS columns
       FROM pg_class t INNER JOIN pg_index d ON t.oid = d.indrelid INNER JOIN pg_class i ON d.indexrelid = i.oid LEFT JOIN pg_namespace n ON n.oid = t.relnamespace
       WHERE i.relkind IN ('i', 'I') AND d.indisprimary = 'f' AND t.relname = 'customers' AND n.nspname = ANY (current_schemas(false)) ORDER BY i.relname`,
      `SELECT c.relname FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r','v','m','p','f') ORDER BY 1`,
      `SELECT pg_try_advisory_lock(4711)`,
      `SELECT pg_advisory_unlock(4711)`,
    ],
  },
  {
    tool: 'pgAdmin',
    equal: [
      `SELECT db.oid as did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding,
         has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate FROM pg_catalog.pg_database db WHERE db.datname = current_database()`,
      `SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser,
         CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreatedb END as can_create_db,
         CASE WHEN 'pg_signal_backend'=ANY(ARRAY(WITH RECURSIVE cte AS (SELECT pg_roles.oid, pg_roles.rolname FROM pg_roles WHERE pg_roles.oid = roles.oid
           UNION ALL SELECT m.roleid, pgr.rolname FROM cte cte_1 JOIN pg_auth_members m ON m.member = cte_1.oid JOIN pg_roles pgr ON pgr.oid = m.roleid)
           SELECT rolname FROM cte)) THEN True ELSE False END as can_signal_backend
       FROM pg_catalog.pg_roles as roles WHERE rolname = current_user`,
      `SELECT nsp.oid, nsp.nspname as name, has_schema_privilege(nsp.oid, 'CREATE') as can_create, has_schema_privilege(nsp.oid, 'USAGE') as has_usage
       FROM pg_catalog.pg_namespace nsp WHERE nspname NOT LIKE 'pg!_%' escape '!' AND NOT ((nsp.nspname = 'pg_catalog' AND EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'pg_class' AND relnamespace = nsp.oid LIMIT 1))) ORDER BY nspname`,
      `SELECT rel.oid, rel.relname AS name, (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid=rel.oid AND tgisinternal = FALSE) AS triggercount,
         (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid=rel.oid LIMIT 1) as is_inherits, des.description
       FROM pg_catalog.pg_class rel LEFT JOIN pg_catalog.pg_description des ON (des.objoid = rel.oid AND des.objsubid = 0 AND des.classoid = 'pg_class'::regclass)
       WHERE rel.relkind IN ('r','s','t','p') AND rel.relnamespace = 'public'::regnamespace AND NOT rel.relispartition ORDER BY rel.relname`,
      `SELECT at.attname, at.attnum, ty.typname, format_type(ty.oid, at.atttypmod) AS displaytypname, at.attnotnull as not_null,
         CASE WHEN (at.attidentity in ('a', 'd')) OR (at.attgenerated in ('s')) THEN true ELSE false END AS is_generated,
         EXISTS(SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid=at.attrelid AND contype='f' AND conkey @> ARRAY[at.attnum]) As is_fk
       FROM pg_catalog.pg_attribute at LEFT JOIN pg_catalog.pg_type ty ON ty.oid=atttypid WHERE at.attrelid = 'public.orders'::regclass AND at.attnum > 0 AND at.attisdropped IS FALSE ORDER BY at.attnum`,
      `SELECT gss_authenticated, encrypted FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_backend_pid()`,
      `SELECT pg_get_viewdef('public.customer_directory'::regclass, true)`,
    ],
    blank: [
      `SELECT pid, usename, application_name, query FROM pg_catalog.pg_stat_activity WHERE datname = current_database() ORDER BY pid`,
      `SELECT rel.oid, rel.reltuples::bigint, pg_size_pretty(pg_total_relation_size(rel.oid)) FROM pg_class rel WHERE rel.relname = 'customers'`,
    ],
  },
  {
    tool: 'DBeaver',
    equal: [
      `SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate AND datname = current_database() ORDER BY datname`,
      `SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t
       LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid
       LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid
       WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C') ORDER BY t.oid`,
      `SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname`,
      `SELECT c.relname,a.attname,a.attnum,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description,dep.objid
       FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum)
       LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
       WHERE NOT a.attisdropped AND c.relname = 'customers' ORDER BY a.attnum`,
      `SELECT c.oid,c.*,t.relname as tabrelname,rt.relnamespace as refnamespace,d.description, null as consrc_copy FROM pg_catalog.pg_constraint c
       INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid
       LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_constraint'::regclass WHERE t.relnamespace = 'public'::regnamespace ORDER BY c.oid`,
      `SELECT i.*,i.indkey as keys,c.relname,c.relnamespace,c.relam,c.reltablespace,tc.relname as tabrelname,dsc.description,pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr
       FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid
       LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid=dsc.objoid WHERE i.indrelid = 'customers'::regclass ORDER BY tabrelname, c.relname`,
      `SELECT current_schema(),session_user`,
      `select string_agg(word, ',') from pg_catalog.pg_get_keywords() where word not in ('all', 'analyse')`,
    ],
    blank: [
      `SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key
       FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind not in ('i','I','c') ORDER BY c.oid`,
      `SELECT c.oid, pg_catalog.pg_total_relation_size(c.oid) as total_rel_size, pg_catalog.pg_relation_size(c.oid) as rel_size FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace`,
    ],
  },
  {
    tool: 'Metabase and BI tools',
    equal: [
      `SELECT n.nspname AS schema, c.relname AS name, d.description, has_table_privilege(c.oid, 'SELECT') AS select, has_any_column_privilege(c.oid, 'SELECT') AS any_select
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON c.relnamespace = n.oid LEFT JOIN pg_catalog.pg_description d ON c.oid = d.objoid AND d.objsubid = 0
       WHERE n.nspname !~ 'information_schema|catalog_history|pg_' AND c.relkind IN ('r', 'p', 'v', 'f', 'm') ORDER BY 1, 2`,
      `SELECT table_schema, table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, ordinal_position`,
      `SELECT tc.constraint_name, kcu.column_name, ccu.table_name AS foreign_table FROM information_schema.table_constraints tc
       JOIN information_schema.key_column_usage kcu ON tc.constraint_name = kcu.constraint_name
       LEFT JOIN information_schema.constraint_column_usage ccu ON ccu.constraint_name = tc.constraint_name WHERE tc.table_schema = 'public' ORDER BY 1, 2, 3`,
      `SELECT current_setting('TimeZone')`,
      `SELECT grantee, privilege_type FROM information_schema.role_table_grants WHERE table_name = 'customers' ORDER BY 1, 2`,
    ],
  },
];
