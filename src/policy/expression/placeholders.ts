/** `{actor.name}` in a policy's SQL becomes a parameter, so that an attribute is never pasted in as text. */

export interface WithParameters {
  readonly sql: string;
  /** attributes[0] is the name behind $1, and so on. */
  readonly attributes: readonly string[];
}

const PLACEHOLDER = /^\{actor\.([A-Za-z_][A-Za-z0-9_]*)\}/;

/** Placeholders inside string constants and quoted names stay text, as in any other SQL. */
export function replacePlaceholders(text: string): WithParameters | { readonly problem: string } {
  const attributes: string[] = [];
  let sql = '';
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      sql += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      sql += character;
    } else if (character === '{') {
      const found = PLACEHOLDER.exec(text.slice(at));
      if (!found) return { problem: 'a placeholder is written {actor.name}' };
      const name = found[1]!;
      if (!attributes.includes(name)) attributes.push(name);
      sql += `$${attributes.indexOf(name) + 1}`;
      at += found[0].length - 1;
    } else if (character === '$') {
      return {
        problem: 'parameters ($1) and dollar quotes are not allowed; an attribute is written {actor.name}',
      };
    } else {
      sql += character;
    }
  }
  return { sql, attributes };
}
