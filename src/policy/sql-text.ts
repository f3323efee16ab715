/**
 * The few ways in which policy SQL is spelled. Everything is qualified with pg_catalog, because an unqualified
 * operator, function or type resolves through the client's search_path, where a hostile one may wait (DESIGN 4).
 * Pure text; it knows no policy.
 */

/** An SQL string constant. Backslashes go into an E'' string, so that standard_conforming_strings does not matter. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** A constant of type text. */
export function textLiteral(text: string): string {
  return `${literal(text)}::pg_catalog.text`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `(a OPERATOR(pg_catalog.op) b)`. */
export function op(left: string, operator: string, right: string): string {
  return `(${left} OPERATOR(pg_catalog.${operator}) ${right})`;
}

export function call(name: string, ...parameters: readonly string[]): string {
  return `pg_catalog.${name}(${parameters.join(', ')})`;
}

/** Type names that are words of the grammar and so never looked up in search_path (gram.y, SimpleTypename). */
const GRAMMAR_TYPES =
  /^(?:bigint|bit|bit varying|boolean|character|character varying|double precision|integer|interval|numeric|real|smallint|time|timestamp)(?:[( [].*)?$/;

/** format_type's spelling, made independent of search_path. */
export function safeTypeName(formatted: string): string {
  // With an empty search_path format_type qualifies every type outside pg_catalog, so a dot means "already qualified".
  if (GRAMMAR_TYPES.test(formatted) || formatted.includes('.')) return formatted;
  return `pg_catalog.${formatted}`;
}

export function cast(value: string, formattedType: string): string {
  return `(${value})::${safeTypeName(formattedType)}`;
}
