/** `jsonb`: other masks, each at a path inside the value. */
import { z } from 'zod';
import { parseJsonPath, pathsOverlap } from '../json-path.js';
import type { MaskKind } from './mask-kind.js';
import { maskPaths, pathColumn } from './json-paths.js';

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
  sql: (definition, column, context) =>
    maskPaths(
      Object.entries(definition.paths).map(([path, mask]) => {
        const inner = mask === 'deny' ? undefined : context.named(mask, pathColumn(column));
        return { steps: parseJsonPath(path)!, mask: inner?.ok === true ? inner.sql : undefined };
      }),
    ),
};
