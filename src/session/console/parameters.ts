/** What the console says of itself where a server would name its settings: drivers read these at the start. */

/**
 * Drivers read a PostgreSQL version out of it and choose what they send by it, so it is one that all of them know; the
 * console has none of its own. SHOW VERSION tells pgveil's.
 */
export const CONSOLE_SERVER_VERSION = '15.0';

/** What a server reports after each log-in (PostgreSQL manual, 54.2.7 "Asynchronous Operations"). */
export const reportedParameters: readonly (readonly [name: string, value: string])[] = [
  ['server_version', CONSOLE_SERVER_VERSION],
  ['server_encoding', 'UTF8'],
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, MDY'],
  ['IntervalStyle', 'postgres'],
  ['TimeZone', 'UTC'],
  ['integer_datetimes', 'on'],
  ['standard_conforming_strings', 'on'],
  ['default_transaction_read_only', 'off'],
  ['in_hot_standby', 'off'],
  ['is_superuser', 'off'],
];

/** What SHOW answers, by lower-case name. */
export const ownSettings: ReadonlyMap<string, string> = new Map([
  ...reportedParameters.map(([name, value]) => [name.toLowerCase(), value] as const),
  ['server_version_num', '150000'],
  ['transaction_isolation', 'read committed'],
  ['default_transaction_isolation', 'read committed'],
  ['transaction_read_only', 'off'],
  ['max_identifier_length', '63'],
  ['search_path', ''],
]);
