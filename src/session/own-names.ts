/** Which names of prepared statements and portals are the proxy's own. It knows no state. */

const PREFIX = 'pgveil_';

/** Of the statement and portal that a counted Query is sent as. */
export const COUNTED_NAME = `${PREFIX}counted`;

/**
 * INVARIANT(own-names): no client makes anything of such a name. What the proxy leaves under it when a statement fails
 * would otherwise run in the place of the client's, with the client's facts for the audit, the guard and the limits.
 */
export function isOwnName(name: string): boolean {
  return name.startsWith(PREFIX);
}
