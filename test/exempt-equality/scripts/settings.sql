-- Settings of every kind: SET, SHOW, SET LOCAL with rollback, set_config, RESET, and the ParameterStatus that psql follows.
SET application_name = 'x y';
SHOW application_name;
SELECT current_setting('application_name', true) AS now;
BEGIN; SET LOCAL application_name TO DEFAULT; SHOW application_name; ROLLBACK; SHOW application_name;
SELECT set_config('application_name', 'x y', false) AS set;
RESET application_name;
SHOW application_name;
\encoding
SET DateStyle = SQL, DMY;
SHOW DateStyle;
SELECT current_setting('DateStyle', true) AS now;
BEGIN; SET LOCAL DateStyle TO DEFAULT; SHOW DateStyle; ROLLBACK; SHOW DateStyle;
SELECT set_config('DateStyle', 'SQL, DMY', false) AS set;
RESET DateStyle;
SHOW DateStyle;
\encoding
SET DateStyle = 'nope';
SHOW DateStyle;
SELECT current_setting('DateStyle', true) AS now;
BEGIN; SET LOCAL DateStyle TO DEFAULT; SHOW DateStyle; ROLLBACK; SHOW DateStyle;
SELECT set_config('DateStyle', 'nope', false) AS set;
RESET DateStyle;
SHOW DateStyle;
\encoding
SET TimeZone = 'Asia/Kolkata';
SHOW TimeZone;
SELECT current_setting('TimeZone', true) AS now;
BEGIN; SET LOCAL TimeZone TO DEFAULT; SHOW TimeZone; ROLLBACK; SHOW TimeZone;
SELECT set_config('TimeZone', 'Asia/Kolkata', false) AS set;
RESET TimeZone;
SHOW TimeZone;
\encoding
SET TimeZone = '-3.5';
SHOW TimeZone;
SELECT current_setting('TimeZone', true) AS now;
BEGIN; SET LOCAL TimeZone TO DEFAULT; SHOW TimeZone; ROLLBACK; SHOW TimeZone;
SELECT set_config('TimeZone', '-3.5', false) AS set;
RESET TimeZone;
SHOW TimeZone;
\encoding
SET IntervalStyle = 'iso_8601';
SHOW IntervalStyle;
SELECT current_setting('IntervalStyle', true) AS now;
BEGIN; SET LOCAL IntervalStyle TO DEFAULT; SHOW IntervalStyle; ROLLBACK; SHOW IntervalStyle;
SELECT set_config('IntervalStyle', 'iso_8601', false) AS set;
RESET IntervalStyle;
SHOW IntervalStyle;
\encoding
SET client_min_messages = 'debug1';
SHOW client_min_messages;
SELECT current_setting('client_min_messages', true) AS now;
BEGIN; SET LOCAL client_min_messages TO DEFAULT; SHOW client_min_messages; ROLLBACK; SHOW client_min_messages;
SELECT set_config('client_min_messages', 'debug1', false) AS set;
RESET client_min_messages;
SHOW client_min_messages;
\encoding
SET client_min_messages = 'loud';
SHOW client_min_messages;
SELECT current_setting('client_min_messages', true) AS now;
BEGIN; SET LOCAL client_min_messages TO DEFAULT; SHOW client_min_messages; ROLLBACK; SHOW client_min_messages;
SELECT set_config('client_min_messages', 'loud', false) AS set;
RESET client_min_messages;
SHOW client_min_messages;
\encoding
SET extra_float_digits = '3';
SHOW extra_float_digits;
SELECT current_setting('extra_float_digits', true) AS now;
BEGIN; SET LOCAL extra_float_digits TO DEFAULT; SHOW extra_float_digits; ROLLBACK; SHOW extra_float_digits;
SELECT set_config('extra_float_digits', '3', false) AS set;
RESET extra_float_digits;
SHOW extra_float_digits;
\encoding
SET extra_float_digits = '99';
SHOW extra_float_digits;
SELECT current_setting('extra_float_digits', true) AS now;
BEGIN; SET LOCAL extra_float_digits TO DEFAULT; SHOW extra_float_digits; ROLLBACK; SHOW extra_float_digits;
SELECT set_config('extra_float_digits', '99', false) AS set;
RESET extra_float_digits;
SHOW extra_float_digits;
\encoding
SET work_mem = '64kB';
SHOW work_mem;
SELECT current_setting('work_mem', true) AS now;
BEGIN; SET LOCAL work_mem TO DEFAULT; SHOW work_mem; ROLLBACK; SHOW work_mem;
SELECT set_config('work_mem', '64kB', false) AS set;
RESET work_mem;
SHOW work_mem;
\encoding
SET work_mem = '1GB';
SHOW work_mem;
SELECT current_setting('work_mem', true) AS now;
BEGIN; SET LOCAL work_mem TO DEFAULT; SHOW work_mem; ROLLBACK; SHOW work_mem;
SELECT set_config('work_mem', '1GB', false) AS set;
RESET work_mem;
SHOW work_mem;
\encoding
SET work_mem = '1';
SHOW work_mem;
SELECT current_setting('work_mem', true) AS now;
BEGIN; SET LOCAL work_mem TO DEFAULT; SHOW work_mem; ROLLBACK; SHOW work_mem;
SELECT set_config('work_mem', '1', false) AS set;
RESET work_mem;
SHOW work_mem;
\encoding
SET work_mem = '10XB';
SHOW work_mem;
SELECT current_setting('work_mem', true) AS now;
BEGIN; SET LOCAL work_mem TO DEFAULT; SHOW work_mem; ROLLBACK; SHOW work_mem;
SELECT set_config('work_mem', '10XB', false) AS set;
RESET work_mem;
SHOW work_mem;
\encoding
SET maintenance_work_mem = '2MB';
SHOW maintenance_work_mem;
SELECT current_setting('maintenance_work_mem', true) AS now;
BEGIN; SET LOCAL maintenance_work_mem TO DEFAULT; SHOW maintenance_work_mem; ROLLBACK; SHOW maintenance_work_mem;
SELECT set_config('maintenance_work_mem', '2MB', false) AS set;
RESET maintenance_work_mem;
SHOW maintenance_work_mem;
\encoding
SET statement_timeout = '5s';
SHOW statement_timeout;
SELECT current_setting('statement_timeout', true) AS now;
BEGIN; SET LOCAL statement_timeout TO DEFAULT; SHOW statement_timeout; ROLLBACK; SHOW statement_timeout;
SELECT set_config('statement_timeout', '5s', false) AS set;
RESET statement_timeout;
SHOW statement_timeout;
\encoding
SET statement_timeout = '-1';
SHOW statement_timeout;
SELECT current_setting('statement_timeout', true) AS now;
BEGIN; SET LOCAL statement_timeout TO DEFAULT; SHOW statement_timeout; ROLLBACK; SHOW statement_timeout;
SELECT set_config('statement_timeout', '-1', false) AS set;
RESET statement_timeout;
SHOW statement_timeout;
\encoding
SET lock_timeout = '1min';
SHOW lock_timeout;
SELECT current_setting('lock_timeout', true) AS now;
BEGIN; SET LOCAL lock_timeout TO DEFAULT; SHOW lock_timeout; ROLLBACK; SHOW lock_timeout;
SELECT set_config('lock_timeout', '1min', false) AS set;
RESET lock_timeout;
SHOW lock_timeout;
\encoding
SET idle_in_transaction_session_timeout = '0';
SHOW idle_in_transaction_session_timeout;
SELECT current_setting('idle_in_transaction_session_timeout', true) AS now;
BEGIN; SET LOCAL idle_in_transaction_session_timeout TO DEFAULT; SHOW idle_in_transaction_session_timeout; ROLLBACK; SHOW idle_in_transaction_session_timeout;
SELECT set_config('idle_in_transaction_session_timeout', '0', false) AS set;
RESET idle_in_transaction_session_timeout;
SHOW idle_in_transaction_session_timeout;
\encoding
SET search_path = "$user", public;
SHOW search_path;
SELECT current_setting('search_path', true) AS now;
BEGIN; SET LOCAL search_path TO DEFAULT; SHOW search_path; ROLLBACK; SHOW search_path;
SELECT set_config('search_path', '"$user", public', false) AS set;
RESET search_path;
SHOW search_path;
\encoding
SET search_path = a, "B c", pg_catalog;
SHOW search_path;
SELECT current_setting('search_path', true) AS now;
BEGIN; SET LOCAL search_path TO DEFAULT; SHOW search_path; ROLLBACK; SHOW search_path;
SELECT set_config('search_path', 'a, "B c", pg_catalog', false) AS set;
RESET search_path;
SHOW search_path;
\encoding
SET default_transaction_isolation = 'serializable';
SHOW default_transaction_isolation;
SELECT current_setting('default_transaction_isolation', true) AS now;
BEGIN; SET LOCAL default_transaction_isolation TO DEFAULT; SHOW default_transaction_isolation; ROLLBACK; SHOW default_transaction_isolation;
SELECT set_config('default_transaction_isolation', 'serializable', false) AS set;
RESET default_transaction_isolation;
SHOW default_transaction_isolation;
\encoding
SET default_transaction_isolation = 'nope';
SHOW default_transaction_isolation;
SELECT current_setting('default_transaction_isolation', true) AS now;
BEGIN; SET LOCAL default_transaction_isolation TO DEFAULT; SHOW default_transaction_isolation; ROLLBACK; SHOW default_transaction_isolation;
SELECT set_config('default_transaction_isolation', 'nope', false) AS set;
RESET default_transaction_isolation;
SHOW default_transaction_isolation;
\encoding
SET default_transaction_read_only = 'on';
SHOW default_transaction_read_only;
SELECT current_setting('default_transaction_read_only', true) AS now;
BEGIN; SET LOCAL default_transaction_read_only TO DEFAULT; SHOW default_transaction_read_only; ROLLBACK; SHOW default_transaction_read_only;
SELECT set_config('default_transaction_read_only', 'on', false) AS set;
RESET default_transaction_read_only;
SHOW default_transaction_read_only;
\encoding
SET default_transaction_deferrable = 'on';
SHOW default_transaction_deferrable;
SELECT current_setting('default_transaction_deferrable', true) AS now;
BEGIN; SET LOCAL default_transaction_deferrable TO DEFAULT; SHOW default_transaction_deferrable; ROLLBACK; SHOW default_transaction_deferrable;
SELECT set_config('default_transaction_deferrable', 'on', false) AS set;
RESET default_transaction_deferrable;
SHOW default_transaction_deferrable;
\encoding
SET bytea_output = 'escape';
SHOW bytea_output;
SELECT current_setting('bytea_output', true) AS now;
BEGIN; SET LOCAL bytea_output TO DEFAULT; SHOW bytea_output; ROLLBACK; SHOW bytea_output;
SELECT set_config('bytea_output', 'escape', false) AS set;
RESET bytea_output;
SHOW bytea_output;
\encoding
SET bytea_output = 'nope';
SHOW bytea_output;
SELECT current_setting('bytea_output', true) AS now;
BEGIN; SET LOCAL bytea_output TO DEFAULT; SHOW bytea_output; ROLLBACK; SHOW bytea_output;
SELECT set_config('bytea_output', 'nope', false) AS set;
RESET bytea_output;
SHOW bytea_output;
\encoding
SET xmloption = 'document';
SHOW xmloption;
SELECT current_setting('xmloption', true) AS now;
BEGIN; SET LOCAL xmloption TO DEFAULT; SHOW xmloption; ROLLBACK; SHOW xmloption;
SELECT set_config('xmloption', 'document', false) AS set;
RESET xmloption;
SHOW xmloption;
\encoding
SET xmlbinary = 'hex';
SHOW xmlbinary;
SELECT current_setting('xmlbinary', true) AS now;
BEGIN; SET LOCAL xmlbinary TO DEFAULT; SHOW xmlbinary; ROLLBACK; SHOW xmlbinary;
SELECT set_config('xmlbinary', 'hex', false) AS set;
RESET xmlbinary;
SHOW xmlbinary;
\encoding
SET standard_conforming_strings = 'off';
SHOW standard_conforming_strings;
SELECT current_setting('standard_conforming_strings', true) AS now;
BEGIN; SET LOCAL standard_conforming_strings TO DEFAULT; SHOW standard_conforming_strings; ROLLBACK; SHOW standard_conforming_strings;
SELECT set_config('standard_conforming_strings', 'off', false) AS set;
RESET standard_conforming_strings;
SHOW standard_conforming_strings;
\encoding
SET escape_string_warning = 'off';
SHOW escape_string_warning;
SELECT current_setting('escape_string_warning', true) AS now;
BEGIN; SET LOCAL escape_string_warning TO DEFAULT; SHOW escape_string_warning; ROLLBACK; SHOW escape_string_warning;
SELECT set_config('escape_string_warning', 'off', false) AS set;
RESET escape_string_warning;
SHOW escape_string_warning;
\encoding
SET backslash_quote = 'off';
SHOW backslash_quote;
SELECT current_setting('backslash_quote', true) AS now;
BEGIN; SET LOCAL backslash_quote TO DEFAULT; SHOW backslash_quote; ROLLBACK; SHOW backslash_quote;
SELECT set_config('backslash_quote', 'off', false) AS set;
RESET backslash_quote;
SHOW backslash_quote;
\encoding
SET quote_all_identifiers = 'on';
SHOW quote_all_identifiers;
SELECT current_setting('quote_all_identifiers', true) AS now;
BEGIN; SET LOCAL quote_all_identifiers TO DEFAULT; SHOW quote_all_identifiers; ROLLBACK; SHOW quote_all_identifiers;
SELECT set_config('quote_all_identifiers', 'on', false) AS set;
RESET quote_all_identifiers;
SHOW quote_all_identifiers;
\encoding
SET enable_seqscan = 'off';
SHOW enable_seqscan;
SELECT current_setting('enable_seqscan', true) AS now;
BEGIN; SET LOCAL enable_seqscan TO DEFAULT; SHOW enable_seqscan; ROLLBACK; SHOW enable_seqscan;
SELECT set_config('enable_seqscan', 'off', false) AS set;
RESET enable_seqscan;
SHOW enable_seqscan;
\encoding
SET enable_hashjoin = 'maybe';
SHOW enable_hashjoin;
SELECT current_setting('enable_hashjoin', true) AS now;
BEGIN; SET LOCAL enable_hashjoin TO DEFAULT; SHOW enable_hashjoin; ROLLBACK; SHOW enable_hashjoin;
SELECT set_config('enable_hashjoin', 'maybe', false) AS set;
RESET enable_hashjoin;
SHOW enable_hashjoin;
\encoding
SET random_page_cost = '1.1';
SHOW random_page_cost;
SELECT current_setting('random_page_cost', true) AS now;
BEGIN; SET LOCAL random_page_cost TO DEFAULT; SHOW random_page_cost; ROLLBACK; SHOW random_page_cost;
SELECT set_config('random_page_cost', '1.1', false) AS set;
RESET random_page_cost;
SHOW random_page_cost;
\encoding
SET cpu_tuple_cost = '-1';
SHOW cpu_tuple_cost;
SELECT current_setting('cpu_tuple_cost', true) AS now;
BEGIN; SET LOCAL cpu_tuple_cost TO DEFAULT; SHOW cpu_tuple_cost; ROLLBACK; SHOW cpu_tuple_cost;
SELECT set_config('cpu_tuple_cost', '-1', false) AS set;
RESET cpu_tuple_cost;
SHOW cpu_tuple_cost;
\encoding
SET geqo = 'off';
SHOW geqo;
SELECT current_setting('geqo', true) AS now;
BEGIN; SET LOCAL geqo TO DEFAULT; SHOW geqo; ROLLBACK; SHOW geqo;
SELECT set_config('geqo', 'off', false) AS set;
RESET geqo;
SHOW geqo;
\encoding
SET geqo_threshold = '1';
SHOW geqo_threshold;
SELECT current_setting('geqo_threshold', true) AS now;
BEGIN; SET LOCAL geqo_threshold TO DEFAULT; SHOW geqo_threshold; ROLLBACK; SHOW geqo_threshold;
SELECT set_config('geqo_threshold', '1', false) AS set;
RESET geqo_threshold;
SHOW geqo_threshold;
\encoding
SET from_collapse_limit = '3';
SHOW from_collapse_limit;
SELECT current_setting('from_collapse_limit', true) AS now;
BEGIN; SET LOCAL from_collapse_limit TO DEFAULT; SHOW from_collapse_limit; ROLLBACK; SHOW from_collapse_limit;
SELECT set_config('from_collapse_limit', '3', false) AS set;
RESET from_collapse_limit;
SHOW from_collapse_limit;
\encoding
SET join_collapse_limit = '0';
SHOW join_collapse_limit;
SELECT current_setting('join_collapse_limit', true) AS now;
BEGIN; SET LOCAL join_collapse_limit TO DEFAULT; SHOW join_collapse_limit; ROLLBACK; SHOW join_collapse_limit;
SELECT set_config('join_collapse_limit', '0', false) AS set;
RESET join_collapse_limit;
SHOW join_collapse_limit;
\encoding
SET jit = 'off';
SHOW jit;
SELECT current_setting('jit', true) AS now;
BEGIN; SET LOCAL jit TO DEFAULT; SHOW jit; ROLLBACK; SHOW jit;
SELECT set_config('jit', 'off', false) AS set;
RESET jit;
SHOW jit;
\encoding
SET max_parallel_workers_per_gather = '0';
SHOW max_parallel_workers_per_gather;
SELECT current_setting('max_parallel_workers_per_gather', true) AS now;
BEGIN; SET LOCAL max_parallel_workers_per_gather TO DEFAULT; SHOW max_parallel_workers_per_gather; ROLLBACK; SHOW max_parallel_workers_per_gather;
SELECT set_config('max_parallel_workers_per_gather', '0', false) AS set;
RESET max_parallel_workers_per_gather;
SHOW max_parallel_workers_per_gather;
\encoding
SET effective_cache_size = '1GB';
SHOW effective_cache_size;
SELECT current_setting('effective_cache_size', true) AS now;
BEGIN; SET LOCAL effective_cache_size TO DEFAULT; SHOW effective_cache_size; ROLLBACK; SHOW effective_cache_size;
SELECT set_config('effective_cache_size', '1GB', false) AS set;
RESET effective_cache_size;
SHOW effective_cache_size;
\encoding
SET constraint_exclusion = 'partition';
SHOW constraint_exclusion;
SELECT current_setting('constraint_exclusion', true) AS now;
BEGIN; SET LOCAL constraint_exclusion TO DEFAULT; SHOW constraint_exclusion; ROLLBACK; SHOW constraint_exclusion;
SELECT set_config('constraint_exclusion', 'partition', false) AS set;
RESET constraint_exclusion;
SHOW constraint_exclusion;
\encoding
SET cursor_tuple_fraction = '0.5';
SHOW cursor_tuple_fraction;
SELECT current_setting('cursor_tuple_fraction', true) AS now;
BEGIN; SET LOCAL cursor_tuple_fraction TO DEFAULT; SHOW cursor_tuple_fraction; ROLLBACK; SHOW cursor_tuple_fraction;
SELECT set_config('cursor_tuple_fraction', '0.5', false) AS set;
RESET cursor_tuple_fraction;
SHOW cursor_tuple_fraction;
\encoding
SET cursor_tuple_fraction = '5';
SHOW cursor_tuple_fraction;
SELECT current_setting('cursor_tuple_fraction', true) AS now;
BEGIN; SET LOCAL cursor_tuple_fraction TO DEFAULT; SHOW cursor_tuple_fraction; ROLLBACK; SHOW cursor_tuple_fraction;
SELECT set_config('cursor_tuple_fraction', '5', false) AS set;
RESET cursor_tuple_fraction;
SHOW cursor_tuple_fraction;
\encoding
SET row_security = 'off';
SHOW row_security;
SELECT current_setting('row_security', true) AS now;
BEGIN; SET LOCAL row_security TO DEFAULT; SHOW row_security; ROLLBACK; SHOW row_security;
SELECT set_config('row_security', 'off', false) AS set;
RESET row_security;
SHOW row_security;
\encoding
SET check_function_bodies = 'off';
SHOW check_function_bodies;
SELECT current_setting('check_function_bodies', true) AS now;
BEGIN; SET LOCAL check_function_bodies TO DEFAULT; SHOW check_function_bodies; ROLLBACK; SHOW check_function_bodies;
SELECT set_config('check_function_bodies', 'off', false) AS set;
RESET check_function_bodies;
SHOW check_function_bodies;
\encoding
SET default_tablespace = 'nope';
SHOW default_tablespace;
SELECT current_setting('default_tablespace', true) AS now;
BEGIN; SET LOCAL default_tablespace TO DEFAULT; SHOW default_tablespace; ROLLBACK; SHOW default_tablespace;
SELECT set_config('default_tablespace', 'nope', false) AS set;
RESET default_tablespace;
SHOW default_tablespace;
\encoding
SET temp_tablespaces = 'nope';
SHOW temp_tablespaces;
SELECT current_setting('temp_tablespaces', true) AS now;
BEGIN; SET LOCAL temp_tablespaces TO DEFAULT; SHOW temp_tablespaces; ROLLBACK; SHOW temp_tablespaces;
SELECT set_config('temp_tablespaces', 'nope', false) AS set;
RESET temp_tablespaces;
SHOW temp_tablespaces;
\encoding
SET session_replication_role = 'replica';
SHOW session_replication_role;
SELECT current_setting('session_replication_role', true) AS now;
BEGIN; SET LOCAL session_replication_role TO DEFAULT; SHOW session_replication_role; ROLLBACK; SHOW session_replication_role;
SELECT set_config('session_replication_role', 'replica', false) AS set;
RESET session_replication_role;
SHOW session_replication_role;
\encoding
SET vacuum_freeze_min_age = '5';
SHOW vacuum_freeze_min_age;
SELECT current_setting('vacuum_freeze_min_age', true) AS now;
BEGIN; SET LOCAL vacuum_freeze_min_age TO DEFAULT; SHOW vacuum_freeze_min_age; ROLLBACK; SHOW vacuum_freeze_min_age;
SELECT set_config('vacuum_freeze_min_age', '5', false) AS set;
RESET vacuum_freeze_min_age;
SHOW vacuum_freeze_min_age;
\encoding
SET array_nulls = 'off';
SHOW array_nulls;
SELECT current_setting('array_nulls', true) AS now;
BEGIN; SET LOCAL array_nulls TO DEFAULT; SHOW array_nulls; ROLLBACK; SHOW array_nulls;
SELECT set_config('array_nulls', 'off', false) AS set;
RESET array_nulls;
SHOW array_nulls;
\encoding
SET transform_null_equals = 'on';
SHOW transform_null_equals;
SELECT current_setting('transform_null_equals', true) AS now;
BEGIN; SET LOCAL transform_null_equals TO DEFAULT; SHOW transform_null_equals; ROLLBACK; SHOW transform_null_equals;
SELECT set_config('transform_null_equals', 'on', false) AS set;
RESET transform_null_equals;
SHOW transform_null_equals;
\encoding
SET synchronize_seqscans = 'off';
SHOW synchronize_seqscans;
SELECT current_setting('synchronize_seqscans', true) AS now;
BEGIN; SET LOCAL synchronize_seqscans TO DEFAULT; SHOW synchronize_seqscans; ROLLBACK; SHOW synchronize_seqscans;
SELECT set_config('synchronize_seqscans', 'off', false) AS set;
RESET synchronize_seqscans;
SHOW synchronize_seqscans;
\encoding
SET password_encryption = 'md5';
SHOW password_encryption;
SELECT current_setting('password_encryption', true) AS now;
BEGIN; SET LOCAL password_encryption TO DEFAULT; SHOW password_encryption; ROLLBACK; SHOW password_encryption;
SELECT set_config('password_encryption', 'md5', false) AS set;
RESET password_encryption;
SHOW password_encryption;
\encoding
SET password_encryption = 'rot13';
SHOW password_encryption;
SELECT current_setting('password_encryption', true) AS now;
BEGIN; SET LOCAL password_encryption TO DEFAULT; SHOW password_encryption; ROLLBACK; SHOW password_encryption;
SELECT set_config('password_encryption', 'rot13', false) AS set;
RESET password_encryption;
SHOW password_encryption;
\encoding
SET log_statement = 'all';
SHOW log_statement;
SELECT current_setting('log_statement', true) AS now;
BEGIN; SET LOCAL log_statement TO DEFAULT; SHOW log_statement; ROLLBACK; SHOW log_statement;
SELECT set_config('log_statement', 'all', false) AS set;
RESET log_statement;
SHOW log_statement;
\encoding
SET log_min_messages = 'error';
SHOW log_min_messages;
SELECT current_setting('log_min_messages', true) AS now;
BEGIN; SET LOCAL log_min_messages TO DEFAULT; SHOW log_min_messages; ROLLBACK; SHOW log_min_messages;
SELECT set_config('log_min_messages', 'error', false) AS set;
RESET log_min_messages;
SHOW log_min_messages;
\encoding
SET shared_buffers = '1MB';
SHOW shared_buffers;
SELECT current_setting('shared_buffers', true) AS now;
BEGIN; SET LOCAL shared_buffers TO DEFAULT; SHOW shared_buffers; ROLLBACK; SHOW shared_buffers;
SELECT set_config('shared_buffers', '1MB', false) AS set;
RESET shared_buffers;
SHOW shared_buffers;
\encoding
SET max_connections = '5';
SHOW max_connections;
SELECT current_setting('max_connections', true) AS now;
BEGIN; SET LOCAL max_connections TO DEFAULT; SHOW max_connections; ROLLBACK; SHOW max_connections;
SELECT set_config('max_connections', '5', false) AS set;
RESET max_connections;
SHOW max_connections;
\encoding
SET port = '1';
SHOW port;
SELECT current_setting('port', true) AS now;
BEGIN; SET LOCAL port TO DEFAULT; SHOW port; ROLLBACK; SHOW port;
SELECT set_config('port', '1', false) AS set;
RESET port;
SHOW port;
\encoding
SET server_version = '1';
SHOW server_version;
SELECT current_setting('server_version', true) AS now;
BEGIN; SET LOCAL server_version TO DEFAULT; SHOW server_version; ROLLBACK; SHOW server_version;
SELECT set_config('server_version', '1', false) AS set;
RESET server_version;
SHOW server_version;
\encoding
SET is_superuser = 'off';
SHOW is_superuser;
SELECT current_setting('is_superuser', true) AS now;
BEGIN; SET LOCAL is_superuser TO DEFAULT; SHOW is_superuser; ROLLBACK; SHOW is_superuser;
SELECT set_config('is_superuser', 'off', false) AS set;
RESET is_superuser;
SHOW is_superuser;
\encoding
SET in_hot_standby = 'on';
SHOW in_hot_standby;
SELECT current_setting('in_hot_standby', true) AS now;
BEGIN; SET LOCAL in_hot_standby TO DEFAULT; SHOW in_hot_standby; ROLLBACK; SHOW in_hot_standby;
SELECT set_config('in_hot_standby', 'on', false) AS set;
RESET in_hot_standby;
SHOW in_hot_standby;
\encoding
SET lc_messages = 'C';
SHOW lc_messages;
SELECT current_setting('lc_messages', true) AS now;
BEGIN; SET LOCAL lc_messages TO DEFAULT; SHOW lc_messages; ROLLBACK; SHOW lc_messages;
SELECT set_config('lc_messages', 'C', false) AS set;
RESET lc_messages;
SHOW lc_messages;
\encoding
SET lc_numeric = 'C';
SHOW lc_numeric;
SELECT current_setting('lc_numeric', true) AS now;
BEGIN; SET LOCAL lc_numeric TO DEFAULT; SHOW lc_numeric; ROLLBACK; SHOW lc_numeric;
SELECT set_config('lc_numeric', 'C', false) AS set;
RESET lc_numeric;
SHOW lc_numeric;
\encoding
SET lc_monetary = 'nope';
SHOW lc_monetary;
SELECT current_setting('lc_monetary', true) AS now;
BEGIN; SET LOCAL lc_monetary TO DEFAULT; SHOW lc_monetary; ROLLBACK; SHOW lc_monetary;
SELECT set_config('lc_monetary', 'nope', false) AS set;
RESET lc_monetary;
SHOW lc_monetary;
\encoding
SET default_text_search_config = 'pg_catalog.simple';
SHOW default_text_search_config;
SELECT current_setting('default_text_search_config', true) AS now;
BEGIN; SET LOCAL default_text_search_config TO DEFAULT; SHOW default_text_search_config; ROLLBACK; SHOW default_text_search_config;
SELECT set_config('default_text_search_config', 'pg_catalog.simple', false) AS set;
RESET default_text_search_config;
SHOW default_text_search_config;
\encoding
SET default_text_search_config = 'nope';
SHOW default_text_search_config;
SELECT current_setting('default_text_search_config', true) AS now;
BEGIN; SET LOCAL default_text_search_config TO DEFAULT; SHOW default_text_search_config; ROLLBACK; SHOW default_text_search_config;
SELECT set_config('default_text_search_config', 'nope', false) AS set;
RESET default_text_search_config;
SHOW default_text_search_config;
\encoding
SET plpgsql.extra_warnings = 'all';
SHOW plpgsql.extra_warnings;
SELECT current_setting('plpgsql.extra_warnings', true) AS now;
BEGIN; SET LOCAL plpgsql.extra_warnings TO DEFAULT; SHOW plpgsql.extra_warnings; ROLLBACK; SHOW plpgsql.extra_warnings;
SELECT set_config('plpgsql.extra_warnings', 'all', false) AS set;
RESET plpgsql.extra_warnings;
SHOW plpgsql.extra_warnings;
\encoding
SET plpgsql.nope = '1';
SHOW plpgsql.nope;
SELECT current_setting('plpgsql.nope', true) AS now;
BEGIN; SET LOCAL plpgsql.nope TO DEFAULT; SHOW plpgsql.nope; ROLLBACK; SHOW plpgsql.nope;
SELECT set_config('plpgsql.nope', '1', false) AS set;
RESET plpgsql.nope;
SHOW plpgsql.nope;
\encoding
SET my.custom = 'value';
SHOW my.custom;
SELECT current_setting('my.custom', true) AS now;
BEGIN; SET LOCAL my.custom TO DEFAULT; SHOW my.custom; ROLLBACK; SHOW my.custom;
SELECT set_config('my.custom', 'value', false) AS set;
RESET my.custom;
SHOW my.custom;
\encoding
SET my.custom.deep = 'value';
SHOW my.custom.deep;
SELECT current_setting('my.custom.deep', true) AS now;
BEGIN; SET LOCAL my.custom.deep TO DEFAULT; SHOW my.custom.deep; ROLLBACK; SHOW my.custom.deep;
SELECT set_config('my.custom.deep', 'value', false) AS set;
RESET my.custom.deep;
SHOW my.custom.deep;
\encoding
SET role = 'none';
SHOW role;
SELECT current_setting('role', true) AS now;
BEGIN; SET LOCAL role TO DEFAULT; SHOW role; ROLLBACK; SHOW role;
SELECT set_config('role', 'none', false) AS set;
RESET role;
SHOW role;
\encoding
SET session_authorization = 'default';
SHOW session_authorization;
SELECT current_setting('session_authorization', true) AS now;
BEGIN; SET LOCAL session_authorization TO DEFAULT; SHOW session_authorization; ROLLBACK; SHOW session_authorization;
SELECT set_config('session_authorization', 'default', false) AS set;
RESET session_authorization;
SHOW session_authorization;
\encoding
SET seed = '0.3';
SHOW seed;
SELECT current_setting('seed', true) AS now;
BEGIN; SET LOCAL seed TO DEFAULT; SHOW seed; ROLLBACK; SHOW seed;
SELECT set_config('seed', '0.3', false) AS set;
RESET seed;
SHOW seed;
\encoding
SET transaction_isolation = 'serializable';
SHOW transaction_isolation;
SELECT current_setting('transaction_isolation', true) AS now;
BEGIN; SET LOCAL transaction_isolation TO DEFAULT; SHOW transaction_isolation; ROLLBACK; SHOW transaction_isolation;
SELECT set_config('transaction_isolation', 'serializable', false) AS set;
RESET transaction_isolation;
SHOW transaction_isolation;
\encoding
SET commit_delay = '5';
SHOW commit_delay;
SELECT current_setting('commit_delay', true) AS now;
BEGIN; SET LOCAL commit_delay TO DEFAULT; SHOW commit_delay; ROLLBACK; SHOW commit_delay;
SELECT set_config('commit_delay', '5', false) AS set;
RESET commit_delay;
SHOW commit_delay;
\encoding
SET synchronous_commit = 'local';
SHOW synchronous_commit;
SELECT current_setting('synchronous_commit', true) AS now;
BEGIN; SET LOCAL synchronous_commit TO DEFAULT; SHOW synchronous_commit; ROLLBACK; SHOW synchronous_commit;
SELECT set_config('synchronous_commit', 'local', false) AS set;
RESET synchronous_commit;
SHOW synchronous_commit;
\encoding
SET wal_compression = 'on';
SHOW wal_compression;
SELECT current_setting('wal_compression', true) AS now;
BEGIN; SET LOCAL wal_compression TO DEFAULT; SHOW wal_compression; ROLLBACK; SHOW wal_compression;
SELECT set_config('wal_compression', 'on', false) AS set;
RESET wal_compression;
SHOW wal_compression;
\encoding
SET tcp_keepalives_idle = '60';
SHOW tcp_keepalives_idle;
SELECT current_setting('tcp_keepalives_idle', true) AS now;
BEGIN; SET LOCAL tcp_keepalives_idle TO DEFAULT; SHOW tcp_keepalives_idle; ROLLBACK; SHOW tcp_keepalives_idle;
SELECT set_config('tcp_keepalives_idle', '60', false) AS set;
RESET tcp_keepalives_idle;
SHOW tcp_keepalives_idle;
\encoding
SET debug_print_plan = 'off';
SHOW debug_print_plan;
SELECT current_setting('debug_print_plan', true) AS now;
BEGIN; SET LOCAL debug_print_plan TO DEFAULT; SHOW debug_print_plan; ROLLBACK; SHOW debug_print_plan;
SELECT set_config('debug_print_plan', 'off', false) AS set;
RESET debug_print_plan;
SHOW debug_print_plan;
\encoding
SET debug_pretty_print = 'off';
SHOW debug_pretty_print;
SELECT current_setting('debug_pretty_print', true) AS now;
BEGIN; SET LOCAL debug_pretty_print TO DEFAULT; SHOW debug_pretty_print; ROLLBACK; SHOW debug_pretty_print;
SELECT set_config('debug_pretty_print', 'off', false) AS set;
RESET debug_pretty_print;
SHOW debug_pretty_print;
\encoding
SET plan_cache_mode = 'force_custom_plan';
SHOW plan_cache_mode;
SELECT current_setting('plan_cache_mode', true) AS now;
BEGIN; SET LOCAL plan_cache_mode TO DEFAULT; SHOW plan_cache_mode; ROLLBACK; SHOW plan_cache_mode;
SELECT set_config('plan_cache_mode', 'force_custom_plan', false) AS set;
RESET plan_cache_mode;
SHOW plan_cache_mode;
\encoding
SET client_encoding = 'latin1';
SHOW client_encoding;
SELECT current_setting('client_encoding', true) AS now;
BEGIN; SET LOCAL client_encoding TO DEFAULT; SHOW client_encoding; ROLLBACK; SHOW client_encoding;
SELECT set_config('client_encoding', 'latin1', false) AS set;
RESET client_encoding;
SHOW client_encoding;
\encoding
SET client_encoding = 'UTF8';
SHOW client_encoding;
SELECT current_setting('client_encoding', true) AS now;
BEGIN; SET LOCAL client_encoding TO DEFAULT; SHOW client_encoding; ROLLBACK; SHOW client_encoding;
SELECT set_config('client_encoding', 'UTF8', false) AS set;
RESET client_encoding;
SHOW client_encoding;
\encoding
RESET ALL;
DISCARD ALL;
SHOW nope.nope;
SELECT name, unit, vartype, min_val, max_val, enumvals FROM pg_settings WHERE name IN ('work_mem', 'jit', 'DateStyle', 'bytea_output') ORDER BY 1;
