/**
 * What generated SQL raises an error with when a written value is not taken: current_setting() of a name that no setting
 * can have (custom ones need a dot, and SET refuses others; guc.c, valid_custom_variable_name). The name says which
 * column and why, and never the value. The guard on the way back turns it into a refusal.
 */

/** mask: the value is itself a mask. denied: the document holds something at a denied place. */
export type ValueProblem = 'mask' | 'denied';

const PREFIX = 'pgveil refused value';

/** The name of the setting; `column` is schema.table.column. */
export function valueToken(problem: ValueProblem, column: string): string {
  return `${PREFIX}: ${problem}: ${column} ::`;
}

/** Finds the token in the server's message, in whatever language that is. */
export function readValueToken(
  message: string,
): { readonly problem: ValueProblem; readonly column: string } | undefined {
  const found = /pgveil refused value: (mask|denied): (.*) ::/su.exec(message);
  if (found === null) return undefined;
  return { problem: found[1] === 'denied' ? 'denied' : 'mask', column: found[2]! };
}
