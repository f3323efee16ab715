/** `email`: the first character and the domain, `a***@example.com`. */
import { z } from 'zod';
import { call, literal, op, textLiteral } from '../sql-text.js';
import { asText } from './covered-text.js';
import { needsText, textMask, type MaskKind } from './mask-kind.js';

const schema = z.strictObject({ kind: z.literal('email') });

export const emailMask: MaskKind<typeof schema> = {
  schema,
  fits: needsText('email'),
  sql: (_definition, column) =>
    textMask(column, (text) => {
      // The last @ counts: a quoted local part may hold one itself (RFC 5321, 4.1.2).
      const tail = call('strpos', call('reverse', text), textLiteral('@'));
      const domain = call('right', text, tail); // with its @
      const local = op(call('char_length', text), '-', tail);
      return (
        `CASE WHEN ${op(tail, '=', '0')} THEN ${textLiteral('***')} ` +
        // A local part of one character would stand in the clear.
        `WHEN ${op(local, '<', '2')} THEN ${op(textLiteral('***'), '||', domain)} ` +
        `ELSE ${op(op(call('left', text, '1'), '||', textLiteral('***')), '||', domain)} END`
      );
    }),
  // No address has three asterisks for its local part, or none behind its first letter.
  writing: () => ({
    looksMasked: (value) => op(asText(value), '~', `${literal('^.?[*]{3}(@|$)')}::pg_catalog.text`),
  }),
};
