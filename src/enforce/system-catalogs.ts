/**
 * The system catalogs that governed sessions may read (DESIGN 5.5). Drivers, ORMs and psql's \d need most of them;
 * what holds statistics of the data, other sessions' statements or secrets is refused by not standing here.
 */
import type { Relation } from '../catalog/types.js';
import type { ColumnDecision, RelationDecision } from '../policy/types.js';

const readable = new Set(
  `pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_auth_members pg_available_extension_versions
  pg_available_extensions pg_cast pg_class pg_collation pg_constraint pg_conversion pg_database pg_default_acl pg_depend
  pg_description pg_enum pg_event_trigger pg_extension pg_foreign_data_wrapper pg_foreign_server pg_foreign_table pg_group
  pg_index pg_indexes pg_inherits pg_init_privs pg_language pg_matviews pg_namespace pg_opclass pg_operator pg_opfamily
  pg_partitioned_table pg_policies pg_policy pg_proc pg_publication pg_publication_namespace pg_publication_rel
  pg_publication_tables pg_range pg_rewrite pg_roles pg_rules pg_seclabel pg_seclabels pg_sequence pg_settings pg_shdepend
  pg_shdescription pg_shseclabel pg_statistic_ext pg_tables pg_tablespace pg_timezone_abbrevs pg_timezone_names
  pg_transform pg_trigger pg_ts_config pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template pg_type pg_user
  pg_views`.split(/\s+/),
);

/** Views of information_schema that may show option values such as passwords. */
const hiddenInformation = new Set(['user_mapping_options', 'foreign_server_options', '_pg_user_mappings']);

/**
 * Columns that tell of the data and not of the structure. Estimates of how much there is are shown as "never counted"
 * (pg_class.reltuples is -1 before the first ANALYZE); pg_attribute.attmissingval is the value that every row written
 * before its column has (manual, pg_attribute).
 */
const dataColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  pg_class: {
    reltuples: '(-1)::pg_catalog.float4',
    relpages: '0::pg_catalog.int4',
    relallvisible: '0::pg_catalog.int4',
    relallfrozen: '0::pg_catalog.int4',
  },
  pg_attribute: { attmissingval: 'NULL::pg_catalog.anyarray' },
};

const open: RelationDecision = { access: 'open' };
const maskedDecisions = new WeakMap<Relation, RelationDecision>();

/** True for relations whose access is decided here and not by the policy. */
export function isSystemCatalog(relation: Relation): boolean {
  return relation.schema === 'pg_catalog' || relation.schema === 'information_schema';
}

/** Decides on a relation of pg_catalog or information_schema. */
export function decideSystemCatalog(relation: Relation): RelationDecision {
  if (relation.schema === 'information_schema') {
    return hiddenInformation.has(relation.name) ? denied(relation) : open;
  }
  // FAIL-CLOSED: a catalog that was not reviewed is refused.
  if (!readable.has(relation.name)) return denied(relation);
  const hidden = dataColumns[relation.name];
  return hidden === undefined ? open : maskedDecision(relation, hidden);
}

function maskedDecision(relation: Relation, hidden: Readonly<Record<string, string>>): RelationDecision {
  const known = maskedDecisions.get(relation);
  if (known !== undefined) return known;
  const columns = new Map<number, ColumnDecision>();
  for (const column of relation.columns) {
    const constant = hidden[column.name];
    columns.set(
      column.attnum,
      constant === undefined
        ? { kind: 'clear', label: undefined }
        : {
            kind: 'masked',
            label: 'pgveil.volume',
            mask: 'constant',
            sql: () => constant,
            where: 'masked',
            write: 'keep',
          },
    );
  }
  const decision: RelationDecision = {
    access: 'protected',
    columns,
    guards: [],
    linkable: new Set(),
    rules: ['pgveil:catalog-volume'],
    subjectColumn: undefined,
  };
  maskedDecisions.set(relation, decision);
  return decision;
}

function denied(relation: Relation): RelationDecision {
  return {
    access: 'denied',
    rule: 'pgveil:catalogs',
    reason: `the system catalog "${relation.name}" can disclose data or other sessions' work`,
    hint: 'ask for an exempt session, or use the catalogs that describe structure (pg_class, pg_attribute, information_schema)',
  };
}
