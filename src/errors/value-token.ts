/**
 * What generated SQL raises an error with when a written value is not taken: current_setting() of a name that no setting
 * can have (custom ones need a dot, and SET refuses others; guc.c, valid_custom_variable_name). The name says which
 * column and why, and never the value. The guard on the way back turns it into a refusal.
 */
import { randomBytes } from 'node:crypto';

/** mask: the value is itself a mask. denied: the document holds something at a denied place. */
export type ValueProblem = 'mask' | 'denied';

/** Of this process alone, so that no client can have the server report an error in our name. */
const PREFIX = `pgveil value ${randomBytes(10).toString('base64url')}`;

/** The name of the setting; `column` is schema.table.column. */
export function valueToken(problem: ValueProblem, column: string): string {
  return `${PREFIX}: ${problem}: ${column} ::`;
}

/** Finds the token in the server's message, in whatever language that is. */
export function readValueToken(
  message: string,
): { readonly problem: ValueProblem; readonly column: string } | undefined {
  const at = message.indexOf(`${PREFIX}: `);
  const found = at < 0 ? null : /^(mask|denied): (.*?) ::/su.exec(message.slice(at + PREFIX.length + 2));
  if (found === null) return undefined;
  return { problem: found[1] === 'denied' ? 'denied' : 'mask', column: found[2]! };
}
