/** Settings under which the server finds other plans for the same statement; a leak may show in one of them only. */

type Settings = Readonly<Record<string, string>>;

const always: readonly Settings[] = [
  {},
  { enable_hashjoin: 'off', enable_mergejoin: 'off' },
  { enable_nestloop: 'off', enable_hashjoin: 'off' },
  { enable_seqscan: 'off', enable_bitmapscan: 'off' },
  { enable_indexscan: 'off', enable_material: 'off', enable_memoize: 'off' },
  { from_collapse_limit: '1', join_collapse_limit: '1' },
  { geqo_threshold: '2', geqo_effort: '1' },
  { enable_hashagg: 'off', enable_sort: 'off' },
  { plan_cache_mode: 'force_generic_plan', cursor_tuple_fraction: '1.0' },
  { jit: 'off', seq_page_cost: '1000', cpu_tuple_cost: '10' },
];

/** Parallel plans for tables of six rows; the setting that forces them has changed its name in 16. */
function parallel(version: number): Settings {
  return {
    [version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode']: 'on',
    parallel_setup_cost: '0',
    parallel_tuple_cost: '0',
    min_parallel_table_scan_size: '0',
  };
}

export function plannerSettings(version: number): readonly Settings[] {
  return [...always, parallel(version)];
}
