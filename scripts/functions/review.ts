/**
 * The review of pg_catalog's functions, from which generate-functions.ts writes src/enforce/data/builtin-functions.ts.
 *
 * Allowed by rule: immutable functions of the server's own that take and give ordinary values. Allowed by name: the stable
 * and volatile ones below, each read by a person. Refused: everything a pattern below names, with its reason. A function
 * that no line covers stops the generator.
 */

/** Why a function is refused; the words that a client reads stand in src/enforce/data/function-reasons.ts. */
export type Reason =
  | 'runs-sql'
  | 'reads-files'
  | 'large-objects'
  | 'other-sessions'
  | 'notifications'
  | 'settings'
  | 'statement-text'
  | 'volume'
  | 'size'
  | 'transactions'
  | 'sequences'
  | 'replication'
  | 'server'
  | 'plumbing';

/** First match wins; a pattern is matched against `name(argument types)`. */
export const refusedFunctions: readonly (readonly [Reason, RegExp])[] = [
  ['runs-sql', /^(query|table|schema|database|cursor)_to_xml/],
  ['runs-sql', /^ts_stat\(/],
  ['runs-sql', /^ts_rewrite\(tsquery, text\)/],
  ['runs-sql', /^currtid2\(/],
  ['runs-sql', /^pg_extension_config_dump\(/],
  [
    'reads-files',
    /^pg_(read_(binary_)?file|stat_file|ls_|hba_file_rules|ident_file_mappings|show_all_file_settings|current_logfile)/,
  ],
  ['reads-files', /^pg_read_file_old\(/],
  ['large-objects', /^(lo_|loread\(|lowrite\()/],
  [
    'other-sessions',
    /^pg_(cancel_backend|terminate_backend|blocking_pids|safe_snapshot_blocking_pids|isolation_test_session_is_blocked|lock_status|prepared_xact|log_backend_memory_contexts|get_backend_memory_contexts|get_multixact_members|get_aios|export_snapshot|tablespace_databases)\(/,
  ],
  ['other-sessions', /^pg_stat_get_(activity|backend_|progress_info|snapshot_timestamp|subscription)/],
  ['notifications', /^pg_(notify|notification_queue_usage)\(/],
  ['settings', /^(set_config|pg_show_all_settings|pg_reload_conf|pg_config)\(/],
  ['statement-text', /^(current_query|pg_cursor|pg_prepared_statement)\(/],
  ['volume', /^pg_(stat_|mcv_list_items|sequence_last_value|get_sequence_data|restore_|clear_)/],
  ['size', /^pg_(table|total_relation|indexes|relation|database|tablespace)_size\(/],
  ['volume', /^pg_(relation_filenode|relation_filepath|filenode_relation|column_toast_chunk_id)\(/],
  ['volume', /^pg_(current_wal|last_wal|last_xact|wal_replay|wal_summary|available_wal|get_wal|switch_wal)/],
  [
    'transactions',
    /^(txid_status|pg_xact_status|pg_xact_commit_timestamp|pg_xact_commit_timestamp_origin|pg_last_committed_xact)\(/,
  ],
  ['sequences', /^setval\(/],
  [
    'replication',
    /^pg_(copy_|create_(logical|physical)|drop_|logical_|replication_|show_replication|get_replication_slots|sync_replication|is_wal_replay|log_standby)/,
  ],
  [
    'server',
    /^(binary_upgrade_|pg_(backup_|control_|create_restore_point|promote|rotate_logfile|get_shmem|get_wait_events|get_loaded_modules|import_system_collations|nextoid|stop_making_pinned_objects)|brin_(de)?summarize|gin_clean_pending_list)/,
  ],
  ['plumbing', /^(fmgr_|plpgsql_)\w*(validator)\(|^amvalidate\(|^pg_event_trigger_/],
];

/** A value of these types cannot be written in a statement, or means the inside of the server. */
export const plumbingTypes =
  /^(internal|cstring|trigger|event_trigger|language_handler|fdw_handler|index_am_handler|tsm_handler|table_am_handler|pg_ddl_command)$/;

/** Call the input function of a type that they learn at run time: open where no type of a user's runs a user's code. */
export const typesAtRunTime = new Set([
  'json_populate_record',
  'json_populate_recordset',
  'jsonb_populate_record',
  'jsonb_populate_record_valid',
  'jsonb_populate_recordset',
  'json_to_record',
  'json_to_recordset',
  'jsonb_to_record',
  'jsonb_to_recordset',
  'pg_input_is_valid',
  'pg_input_error_info',
]);

/** Stable: dates, formatting, JSON, and what drivers, psql and pg_dump ask of the catalogs. */
const stable = `
  aclexplode age anyarray_send anycompatiblearray_send anytextcat array_send array_to_json array_to_string bpcharsend
  brin_bloom_summary_send brin_minmax_multi_summary_send col_description concat concat_ws convert convert_from
  convert_to current_database current_schema current_schemas current_setting current_user date date_add
  date_cmp_timestamptz date_eq_timestamptz date_ge_timestamptz date_gt_timestamptz date_le_timestamptz
  date_lt_timestamptz date_ne_timestamptz date_part date_subtract date_trunc enum_first enum_last enum_range enum_send
  extract format format_type generate_series get_current_ts_config getdatabaseencoding getpgusername
  has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege
  has_function_privilege has_language_privilege has_largeobject_privilege has_parameter_privilege
  has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
  has_type_privilege in_range inet_client_addr inet_client_port inet_server_addr inet_server_port
  interval_pl_timestamptz json_agg json_agg_strict json_build_array json_build_object json_object_agg
  json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_populate_record
  json_populate_recordset json_to_record json_to_recordset json_to_tsvector jsonb_agg jsonb_agg_strict
  jsonb_build_array jsonb_build_object jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique
  jsonb_object_agg_unique_strict jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz
  jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_record_valid
  jsonb_populate_recordset jsonb_to_record jsonb_to_recordset jsonb_to_tsvector length make_timestamptz money
  multirange_send mxid_age namesend now numeric obj_description oidvectortypes overlaps pg_available_extension_versions
  pg_available_extensions pg_backend_pid pg_basetype pg_char_to_encoding pg_client_encoding
  pg_collation_actual_version pg_collation_for pg_collation_is_visible pg_column_compression
  pg_column_is_updatable pg_column_size pg_conf_load_time pg_conversion_is_visible pg_current_snapshot
  pg_current_xact_id pg_current_xact_id_if_assigned pg_database_collation_actual_version pg_dependencies_send
  pg_describe_object pg_encoding_to_char pg_extension_update_paths pg_function_is_visible pg_get_acl
  pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr pg_get_function_arg_default
  pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody
  pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_object_address pg_get_partition_constraintdef
  pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index pg_get_ruledef
  pg_get_serial_sequence pg_get_statisticsobjdef pg_get_statisticsobjdef_columns
  pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role
  pg_identify_object pg_identify_object_as_address pg_index_column_has_property pg_index_has_property
  pg_indexam_has_property pg_input_error_info pg_input_is_valid pg_is_other_temp_schema pg_listening_channels
  pg_mcv_list_send pg_my_temp_schema pg_ndistinct_send pg_node_tree_send pg_numa_available pg_opclass_is_visible
  pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table pg_postmaster_start_time
  pg_relation_is_publishable pg_relation_is_updatable pg_sequence_parameters pg_settings_get_flags
  pg_split_walfile_name pg_statistics_obj_is_visible pg_table_is_visible pg_tablespace_location
  pg_timezone_abbrevs pg_timezone_abbrevs_abbrevs pg_timezone_abbrevs_zone pg_timezone_names pg_trigger_depth
  pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
  pg_type_is_visible pg_typeof phraseto_tsquery plainto_tsquery quote_literal quote_nullable range_send record_send
  regclass row_security_active row_to_json session_user shobj_description statement_timestamp system_user
  textanycat textsend time timestamp timestamp_cmp_timestamptz timestamp_eq_timestamptz timestamp_ge_timestamptz
  timestamp_gt_timestamptz timestamp_le_timestamptz timestamp_lt_timestamptz timestamp_ne_timestamptz
  timestamptz timestamptz_cmp_date timestamptz_cmp_timestamp timestamptz_eq_date timestamptz_eq_timestamp
  timestamptz_ge_date timestamptz_ge_timestamp timestamptz_gt_date timestamptz_gt_timestamp
  timestamptz_le_date timestamptz_le_timestamp timestamptz_lt_date timestamptz_lt_timestamp
  timestamptz_mi_interval timestamptz_ne_date timestamptz_ne_timestamp timestamptz_pl_interval timetz
  timezone to_char to_date to_json to_jsonb to_number to_regclass to_regcollation to_regnamespace to_regoper
  to_regoperator to_regproc to_regprocedure to_regrole to_regtype to_regtypemod to_timestamp to_tsquery
  to_tsvector transaction_timestamp ts_debug ts_headline ts_match_tq ts_match_tt ts_parse ts_token_type
  txid_current txid_current_if_assigned txid_current_snapshot varcharsend version websearch_to_tsquery xml
  xml_is_well_formed xml_send
`;

/** Volatile: clocks, random numbers, sequences (an INSERT tells as much), advisory locks (migrations need them). */
const volatile = `
  array_sample array_shuffle clock_timestamp currval gen_random_uuid lastval nextval pg_advisory_lock
  pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
  pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_is_in_recovery pg_jit_available
  pg_partition_ancestors pg_partition_tree pg_sleep pg_sleep_for pg_sleep_until pg_try_advisory_lock
  pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared random
  random_normal setseed timeofday uuidv4 uuidv7
`;

export const reviewedNames: ReadonlySet<string> = new Set(`${stable} ${volatile}`.trim().split(/\s+/));
