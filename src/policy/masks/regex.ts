/** `regex`: replaces what a pattern matches. The pattern is checked at load, so that it cannot fail on a value. */
import { z } from 'zod';
import { call, literal, textLiteral } from '../sql-text.js';
import { fixedText } from './covered-text.js';
import { needsText, textMask, type MaskKind } from './mask-kind.js';

/**
 * Patterns are held to what PostgreSQL's advanced regular expressions (manual, 9.7.3) and JavaScript read alike, so
 * that JavaScript's verdict on validity holds for the server: no look-around, no back references, no named groups,
 * no embedded options, and only escapes that both know.
 */
export function patternProblem(pattern: string): string | undefined {
  if (pattern === '' || pattern.includes('\0')) return 'the pattern is empty';
  if (/\\[^dDwWs S.^$*+?()[\]{}|\\/-]/.test(pattern.replaceAll('\\\\', ''))) {
    return 'the pattern has an escape other than \\d \\w \\s \\D \\W \\S and escaped punctuation';
  }
  if (/\(\?(?!:)/.test(pattern) || pattern.startsWith('***')) {
    return 'the pattern uses look-around, named groups or options';
  }
  if (/\[[^\]]*\[/.test(pattern) || /\[\^?\]/.test(pattern)) {
    return 'the pattern has a bracket expression that servers read in other ways';
  }
  if (/\[[^\]]*\\[DWS]/.test(pattern)) return 'the pattern has \\D, \\W or \\S inside brackets';
  if (
    [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].some((m) => Number(m[1]) > 255 || Number(m[2] ?? 0) > 255)
  ) {
    return 'the pattern repeats more than 255 times';
  }
  if (/[*+?}][*+]/.test(pattern)) return 'the pattern has two quantifiers in a row';
  try {
    new RegExp(pattern, 'u');
    return undefined;
  } catch {
    return 'the pattern is no valid regular expression';
  }
}

const schema = z.strictObject({
  kind: z.literal('regex'),
  pattern: z.string().superRefine((pattern, refinement) => {
    const problem = patternProblem(pattern);
    if (problem !== undefined) {
      refinement.addIssue({ code: 'custom', message: `${problem}; use a simpler pattern` });
    }
  }),
  replace: z
    .string()
    .refine(
      (text) => !/\\[^1-9&\\]|\\$/.test(text.replaceAll('\\\\', '')),
      'has a lone backslash; write \\\\ or \\1',
    ),
  flags: z.enum(['', 'g', 'i', 'gi', 'ig']).optional(),
  /** What becomes of a value that the pattern does not match. */
  unmatched: z.enum(['redact', 'keep']).optional(),
});

export const regexMask: MaskKind<typeof schema> = {
  schema,
  fits: needsText('regex'),
  sql: (definition, column) => {
    const pattern = `${literal(definition.pattern)}::pg_catalog.text`;
    const flags = definition.flags ?? 'g';
    return textMask(column, (text) => {
      const replaced = call(
        'regexp_replace',
        text,
        pattern,
        textLiteral(definition.replace),
        textLiteral(flags),
      );
      if (definition.unmatched === 'keep') return replaced;
      // FAIL-CLOSED: a value of a form that the policy's author did not think of is covered, not shown.
      const operator = flags.includes('i') ? '~*' : '~';
      return `CASE WHEN (${text} OPERATOR(pg_catalog.${operator}) ${pattern}) THEN ${replaced} ELSE ${textLiteral('***')} END`;
    });
  },
  writing: (definition, column) => (definition.unmatched === 'keep' ? {} : fixedText(column, '***')),
};
