/** `jsonb`: other masks, each at a path inside the value. */
import { z } from 'zod';
import { parseJsonPath, pathsOverlap } from '../json-path.js';
import type { Column } from '../../catalog/types.js';
import type { MaskContext, MaskKind } from './mask-kind.js';
import { maskPaths, pathColumn, type MaskedPath } from './json-paths.js';
import { pathWriting } from './json-writing.js';

const schema = z.strictObject({
  kind: z.literal('jsonb'),
  paths: z
    .record(
      z
        .string()
        .refine(
          (path) => parseJsonPath(path) !== undefined,
          "is no path; write for example \"->'social'->'handle'\"",
        ),
      z.string(),
    )
    .superRefine((paths, refinement) => {
      const steps = Object.keys(paths).map((path) => parseJsonPath(path) ?? []);
      if (steps.length === 0) {
        refinement.addIssue({ code: 'custom', message: 'masks nothing; name at least one path' });
      }
      if (steps.some((one, index) => steps.slice(index + 1).some((other) => pathsOverlap(one, other)))) {
        refinement.addIssue({ code: 'custom', message: 'has a path inside another; keep one of them' });
      }
    }),
});

export const jsonbMask: MaskKind<typeof schema> = {
  schema,
  fits: (definition, column, context) => {
    if (column.baseTypeName !== 'jsonb')
      return `a jsonb mask works on jsonb, and the column is ${column.type}`;
    for (const [path, mask] of Object.entries(definition.paths)) {
      if (mask === 'deny') continue;
      const inner = context.named(mask, pathColumn(column));
      if (!inner.ok) return `at ${path}: ${inner.reason}`;
    }
    return undefined;
  },
  sql: (definition, column, context) => maskPaths(maskedPaths(definition, column, context)),
  writing: (definition, column, context) => pathWriting(maskedPaths(definition, column, context)),
};

function maskedPaths(
  definition: z.infer<typeof schema>,
  column: Column,
  context: MaskContext,
): readonly MaskedPath[] {
  return Object.entries(definition.paths).map(([path, mask]) => {
    const steps = parseJsonPath(path)!;
    const inner = mask === 'deny' ? undefined : context.named(mask, pathColumn(column));
    if (inner?.ok !== true) return { steps, mask: undefined };
    return { steps, mask: inner.sql, looksMasked: inner.writing.looksMasked };
  });
}
