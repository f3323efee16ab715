/**
 * Every relation of pg_catalog and information_schema in PostgreSQL 15 to 18: open to governed sessions, or refused for a
 * reason. Written by hand and held to real servers by test/integration/reviewed-lists.test.ts. `@17,18`: only there.
 */

export const openCatalogs = `
information_schema._pg_foreign_data_wrappers
information_schema._pg_foreign_table_columns
information_schema._pg_foreign_tables
information_schema.administrable_role_authorizations
information_schema.applicable_roles
information_schema.attributes
information_schema.character_sets
information_schema.check_constraint_routine_usage
information_schema.check_constraints
information_schema.collation_character_set_applicability
information_schema.collations
information_schema.column_column_usage
information_schema.column_domain_usage
information_schema.column_options
information_schema.column_privileges
information_schema.column_udt_usage
information_schema.columns
information_schema.constraint_column_usage
information_schema.constraint_table_usage
information_schema.data_type_privileges
information_schema.domain_constraints
information_schema.domain_udt_usage
information_schema.domains
information_schema.element_types
information_schema.enabled_roles
information_schema.foreign_data_wrapper_options
information_schema.foreign_data_wrappers
information_schema.foreign_servers
information_schema.foreign_table_options
information_schema.foreign_tables
information_schema.information_schema_catalog_name
information_schema.key_column_usage
information_schema.parameters
information_schema.referential_constraints
information_schema.role_column_grants
information_schema.role_routine_grants
information_schema.role_table_grants
information_schema.role_udt_grants
information_schema.role_usage_grants
information_schema.routine_column_usage
information_schema.routine_privileges
information_schema.routine_routine_usage
information_schema.routine_sequence_usage
information_schema.routine_table_usage
information_schema.routines
information_schema.schemata
information_schema.sequences
information_schema.sql_features
information_schema.sql_implementation_info
information_schema.sql_parts
information_schema.sql_sizing
information_schema.table_constraints
information_schema.table_privileges
information_schema.tables
information_schema.transforms
information_schema.triggered_update_columns
information_schema.triggers
information_schema.udt_privileges
information_schema.usage_privileges
information_schema.user_defined_types
information_schema.user_mappings
information_schema.view_column_usage
information_schema.view_routine_usage
information_schema.view_table_usage
information_schema.views
pg_catalog.pg_aggregate
pg_catalog.pg_am
pg_catalog.pg_amop
pg_catalog.pg_amproc
pg_catalog.pg_attrdef
pg_catalog.pg_attribute
pg_catalog.pg_auth_members
pg_catalog.pg_available_extension_versions
pg_catalog.pg_available_extensions
pg_catalog.pg_cast
pg_catalog.pg_class
pg_catalog.pg_collation
pg_catalog.pg_constraint
pg_catalog.pg_conversion
pg_catalog.pg_cursors
pg_catalog.pg_database
pg_catalog.pg_db_role_setting
pg_catalog.pg_default_acl
pg_catalog.pg_depend
pg_catalog.pg_description
pg_catalog.pg_enum
pg_catalog.pg_event_trigger
pg_catalog.pg_extension
pg_catalog.pg_foreign_data_wrapper
pg_catalog.pg_foreign_server
pg_catalog.pg_foreign_table
pg_catalog.pg_group
pg_catalog.pg_index
pg_catalog.pg_indexes
pg_catalog.pg_inherits
pg_catalog.pg_init_privs
pg_catalog.pg_language
pg_catalog.pg_matviews
pg_catalog.pg_namespace
pg_catalog.pg_opclass
pg_catalog.pg_operator
pg_catalog.pg_opfamily
pg_catalog.pg_parameter_acl
pg_catalog.pg_partitioned_table
pg_catalog.pg_policies
pg_catalog.pg_policy
pg_catalog.pg_prepared_statements
pg_catalog.pg_proc
pg_catalog.pg_publication
pg_catalog.pg_publication_namespace
pg_catalog.pg_publication_rel
pg_catalog.pg_publication_tables
pg_catalog.pg_range
pg_catalog.pg_rewrite
pg_catalog.pg_roles
pg_catalog.pg_rules
pg_catalog.pg_seclabel
pg_catalog.pg_seclabels
pg_catalog.pg_sequence
pg_catalog.pg_sequences
pg_catalog.pg_settings
pg_catalog.pg_shdepend
pg_catalog.pg_shdescription
pg_catalog.pg_shseclabel
pg_catalog.pg_stat_activity
pg_catalog.pg_stat_gssapi
pg_catalog.pg_stat_ssl
pg_catalog.pg_stat_user_indexes
pg_catalog.pg_statio_all_tables
pg_catalog.pg_statistic_ext
pg_catalog.pg_subscription
pg_catalog.pg_subscription_rel
pg_catalog.pg_tables
pg_catalog.pg_tablespace
pg_catalog.pg_timezone_abbrevs
pg_catalog.pg_timezone_names
pg_catalog.pg_transform
pg_catalog.pg_trigger
pg_catalog.pg_ts_config
pg_catalog.pg_ts_config_map
pg_catalog.pg_ts_dict
pg_catalog.pg_ts_parser
pg_catalog.pg_ts_template
pg_catalog.pg_type
pg_catalog.pg_user
pg_catalog.pg_user_mappings
pg_catalog.pg_views
pg_catalog.pg_wait_events @17,18
`;

/** What a client reads in DETAIL. */
export const catalogReasons = {
  activity: 'it counts what is read and written, withheld rows included',
  files: "it shows the server's files",
  'large-objects': 'it holds large objects, which no policy covers',
  'other-sessions': 'it shows the work of other sessions',
  replication: 'it belongs to replication',
  secrets: 'it holds passwords or options that may be some',
  server: "it belongs to the server's upkeep",
  statistics: 'it holds values and counts of the data itself',
} as const;

export type CatalogReason = keyof typeof catalogReasons;

export const refusedCatalogs: Readonly<Record<CatalogReason, string>> = {
  activity: `
pg_catalog.pg_stat_all_indexes
pg_catalog.pg_stat_all_tables
pg_catalog.pg_stat_archiver
pg_catalog.pg_stat_bgwriter
pg_catalog.pg_stat_checkpointer @17,18
pg_catalog.pg_stat_database
pg_catalog.pg_stat_database_conflicts
pg_catalog.pg_stat_io @16,17,18
pg_catalog.pg_stat_progress_analyze
pg_catalog.pg_stat_progress_basebackup
pg_catalog.pg_stat_progress_cluster
pg_catalog.pg_stat_progress_copy
pg_catalog.pg_stat_progress_create_index
pg_catalog.pg_stat_progress_vacuum
pg_catalog.pg_stat_recovery_prefetch
pg_catalog.pg_stat_slru
pg_catalog.pg_stat_sys_indexes
pg_catalog.pg_stat_sys_tables
pg_catalog.pg_stat_user_functions
pg_catalog.pg_stat_user_tables
pg_catalog.pg_stat_wal
pg_catalog.pg_stat_xact_all_tables
pg_catalog.pg_stat_xact_sys_tables
pg_catalog.pg_stat_xact_user_functions
pg_catalog.pg_stat_xact_user_tables
pg_catalog.pg_statio_all_indexes
pg_catalog.pg_statio_all_sequences
pg_catalog.pg_statio_sys_indexes
pg_catalog.pg_statio_sys_sequences
pg_catalog.pg_statio_sys_tables
pg_catalog.pg_statio_user_indexes
pg_catalog.pg_statio_user_sequences
pg_catalog.pg_statio_user_tables
`,
  files: `
pg_catalog.pg_file_settings
pg_catalog.pg_hba_file_rules
pg_catalog.pg_ident_file_mappings
`,
  'large-objects': `
pg_catalog.pg_largeobject
pg_catalog.pg_largeobject_metadata
`,
  'other-sessions': `
pg_catalog.pg_aios @18
pg_catalog.pg_locks
pg_catalog.pg_prepared_xacts
pg_catalog.pg_stat_replication
pg_catalog.pg_stat_subscription
pg_catalog.pg_stat_subscription_stats
pg_catalog.pg_stat_wal_receiver
`,
  replication: `
pg_catalog.pg_replication_origin
pg_catalog.pg_replication_origin_status
pg_catalog.pg_replication_slots
pg_catalog.pg_stat_replication_slots
`,
  secrets: `
information_schema._pg_foreign_servers
information_schema._pg_user_mappings
information_schema.foreign_server_options
information_schema.user_mapping_options
pg_catalog.pg_authid
pg_catalog.pg_shadow
pg_catalog.pg_user_mapping
`,
  server: `
pg_catalog.pg_backend_memory_contexts
pg_catalog.pg_config
pg_catalog.pg_shmem_allocations
pg_catalog.pg_shmem_allocations_numa @18
`,
  statistics: `
pg_catalog.pg_statistic
pg_catalog.pg_statistic_ext_data
pg_catalog.pg_stats
pg_catalog.pg_stats_ext
pg_catalog.pg_stats_ext_exprs
`,
};

/**
 * Columns of open catalogs that tell of the data and not of the structure, or hold secrets, with what is shown instead.
 * Estimates of how much there is are shown as "never counted" (pg_class.reltuples is -1 before the first ANALYZE);
 * pg_attribute.attmissingval is the value that every row written before its column has (manual, pg_attribute).
 * pg_class.relfrozenxid is the age of the oldest row that VACUUM left as it was (vacuumlazy.c), a withheld one too. Whether
 * a cursor scrolls and which plans a prepared statement got is decided by plans, and so by statistics of hidden values.
 */
export const hiddenColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  pg_attribute: { attmissingval: 'NULL::pg_catalog.anyarray' },
  pg_class: {
    reltuples: '(-1)::pg_catalog.float4',
    relpages: '0::pg_catalog.int4',
    relallvisible: '0::pg_catalog.int4',
    relallfrozen: '0::pg_catalog.int4',
    relfrozenxid: "'0'::pg_catalog.xid",
    relminmxid: "'0'::pg_catalog.xid",
  },
  pg_cursors: { statement: 'NULL::pg_catalog.text', is_scrollable: 'NULL::pg_catalog.bool' },
  pg_foreign_server: { srvoptions: 'NULL::pg_catalog.text[]' },
  pg_prepared_statements: {
    statement: 'NULL::pg_catalog.text',
    generic_plans: 'NULL::pg_catalog.int8',
    custom_plans: 'NULL::pg_catalog.int8',
  },
  pg_sequences: { last_value: 'NULL::pg_catalog.int8' },
  pg_stat_activity: { query: 'NULL::pg_catalog.text', query_id: 'NULL::pg_catalog.int8' },
  pg_subscription: { subconninfo: 'NULL::pg_catalog.text' },
  pg_user_mappings: { umoptions: 'NULL::pg_catalog.text[]' },
};

/**
 * Views of counters that ORMs read for the names in them (drizzle-kit for indexes, Sequelize for comments): these columns show,
 * and everything else, whatever a later version adds, is NULL.
 */
export const namesOnly: Readonly<Record<string, readonly string[]>> = {
  pg_stat_user_indexes: ['relid', 'indexrelid', 'schemaname', 'relname', 'indexrelname'],
  pg_statio_all_tables: ['relid', 'schemaname', 'relname'],
};

/** Catalogs of which a session sees its own rows only, by this column. */
export const ownRowsOnly: Readonly<Record<string, string>> = {
  pg_stat_activity: 'pid',
  pg_stat_gssapi: 'pid',
  pg_stat_ssl: 'pid',
};
