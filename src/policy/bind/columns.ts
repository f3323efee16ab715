/** A role's masks on labelled columns. */
import type { Column, Relation } from '../../catalog/types.js';
import { builtInMasks, maskNameOf } from '../check-content.js';
import { jsonPathText } from '../json-path.js';
import { maskPaths, pathColumn, type MaskedPath } from '../masks/json-paths.js';
import { pathWriting } from '../masks/json-writing.js';
import type { CompiledMask, MaskContext } from '../masks/mask-kind.js';
import { compileMask } from '../masks/registry.js';
import { secretName } from '../secrets.js';
import type { ColumnDecision, WhereMode, WriteMode } from '../types.js';
import { columnAt, complain, qualified, type Binding } from './binding.js';
import type { BoundLabels, PathLabel } from './labels.js';
import { reportWhereModes } from './where-mode.js';

export interface ColumnMasks {
  decide(role: string, relation: Relation, column: Column): ColumnDecision;
}

/** Which mask a role uses for a label: by name, by "*", or, when it says nothing, none. */
function maskFor(
  binding: Binding,
  role: string,
  label: string,
): { name: string; key: string; where: WhereMode; write: WriteMode | undefined } | undefined {
  const masks = binding.content.roles.get(role)?.value.masks ?? {};
  const key = Object.hasOwn(masks, label) ? label : '*';
  const use = Object.hasOwn(masks, key) ? masks[key] : undefined;
  if (use === undefined) return undefined;
  const modes: { readonly where?: WhereMode | undefined; readonly write?: WriteMode | undefined } =
    typeof use === 'string' ? {} : use;
  return { name: maskNameOf(use), key, where: modes.where ?? 'masked', write: modes.write };
}

function maskContext(binding: Binding): MaskContext {
  const context: MaskContext = {
    parser: binding.parser,
    secret: (source) => {
      const key = binding.secrets.get(secretName(source));
      if (!key) throw new Error('a mask key was not loaded with its policy');
      return key;
    },
    named: (name, column) => compileNamed(name, column),
  };
  const compileNamed = (name: string, column: Column): CompiledMask => {
    if (name === 'redact') return compileMask({ kind: 'redact' }, column, context);
    const entry = binding.content.masks.get(name);
    return entry
      ? compileMask(entry.value, column, context)
      : { ok: false, reason: `there is no mask "${name}"` };
  };
  return context;
}

/** @param holdsProtectedRows of the columns' types; such a column without a label is denied (row-types.ts) */
export function bindColumns(
  binding: Binding,
  labels: BoundLabels,
  holdsProtectedRows: (column: Column) => boolean,
): ColumnMasks {
  const context = maskContext(binding);

  const wholeColumn = (role: string, column: Column, label: string): ColumnDecision | { reason: string } => {
    const use = maskFor(binding, role, label);
    // FAIL-CLOSED: a label that a role neither names nor covers with "*" is denied.
    if (!use || use.name === 'deny') return { kind: 'denied', label };
    if (use.name === 'clear')
      return { kind: 'clear', label, ...(use.write === undefined ? {} : { write: use.write }) };
    const mask = context.named(use.name, column);
    return mask.ok
      ? {
          kind: 'masked',
          label,
          mask: use.name,
          sql: mask.sql,
          where: use.where,
          write: use.write ?? 'keep',
          writing: mask.writing,
        }
      : { reason: `the mask "${use.name}" does not fit: ${mask.reason}` };
  };

  const paths = (
    role: string,
    column: Column,
    found: readonly PathLabel[],
  ): ColumnDecision | { reason: string } => {
    const masked: MaskedPath[] = [];
    const kept: MaskedPath[] = [];
    let rejects = false;
    // One place that conditions may not touch is enough: no condition tells which place of a document it reads.
    let where: WhereMode = 'masked';
    const names: string[] = [];
    let label = found[0]!.label;
    for (const one of found) {
      const decision = wholeColumn(role, pathColumn(column), one.label);
      if ('reason' in decision) return { reason: `at ${jsonPathText(one.steps)}: ${decision.reason}` };
      // One place that may not be written is enough: the document is written as a whole.
      if (decision.kind !== 'denied' && decision.write === 'reject') rejects = true;
      if (decision.kind === 'clear') continue;
      if (decision.kind === 'masked' && decision.where === 'deny') where = 'deny';
      if (masked.length === 0) label = one.label;
      const path: MaskedPath =
        decision.kind === 'denied'
          ? { steps: one.steps, mask: undefined }
          : { steps: one.steps, mask: decision.sql, looksMasked: decision.writing?.looksMasked };
      masked.push(path);
      if (decision.kind === 'denied' || decision.write === 'keep') kept.push(path);
      names.push(`${jsonPathText(one.steps)}: ${decision.kind === 'masked' ? decision.mask : 'deny'}`);
    }
    if (masked.length === 0) return { kind: 'clear', label, ...(rejects ? { write: 'reject' } : {}) };
    return {
      kind: 'masked',
      label,
      mask: names.join(', '),
      sql: maskPaths(masked),
      where,
      write: rejects ? 'reject' : kept.length > 0 ? 'keep' : 'allow',
      writing: pathWriting(kept),
    };
  };

  /** FAIL-CLOSED: what the server computes of hidden columns tells of them, as a view's column does. */
  const computed = (role: string, relation: Relation, column: Column): ColumnDecision => {
    if (holdsProtectedRows(column)) return { kind: 'denied', label: undefined };
    const formula = relation.formulas?.find((each) => each.column === column.attnum);
    const read = relation.columns.filter((each) => formula?.reads.includes(each.attnum));
    // A child may compute its column by another expression than the parent (since 16), and whoever reads the parent reads it.
    const inChildren = binding.catalog.descendants(relation.oid).flatMap((child) => {
      const own = child.columns.find((each) => each.name === column.name);
      return own ? [compile(role, child, own)] : [];
    });
    const source = [...read.map((each) => compile(role, relation, each)), ...inChildren].find(
      (each) => 'reason' in each || each.kind !== 'clear',
    );
    if (source === undefined) return { kind: 'clear', label: undefined };
    const label = 'reason' in source ? undefined : source.label;
    const mask = context.named('redact', column);
    if (!mask.ok || label === undefined || 'reason' in source) return { kind: 'denied', label };
    const where = source.kind === 'masked' && source.where === 'deny' ? 'deny' : 'masked';
    return { kind: 'masked', label, mask: 'redact', sql: mask.sql, where, write: 'keep', writing: {} };
  };

  const compile = (role: string, relation: Relation, column: Column): ColumnDecision | { reason: string } => {
    const found = labels.get(relation.oid)?.get(column.attnum) ?? [];
    const [first] = found;
    if (!first) {
      return binding.content.unlabelled?.value === 'clear'
        ? computed(role, relation, column)
        : { kind: 'denied', label: undefined };
    }
    return first.steps.length === 0 ? wholeColumn(role, column, first.label) : paths(role, column, found);
  };

  reportMisfits(binding, labels, compile);
  reportWhereModes(binding, labels, (role, label) => maskFor(binding, role, label));
  return {
    decide: (role, relation, column) => {
      const decision = compile(role, relation, column);
      // Binding reported it, so no policy that gets this far has one.
      return 'reason' in decision ? { kind: 'denied', label: undefined } : decision;
    },
  };
}

/** Every mask of every role is tried on every column that it would meet. */
function reportMisfits(
  binding: Binding,
  labels: BoundLabels,
  compile: (role: string, relation: Relation, column: Column) => ColumnDecision | { reason: string },
): void {
  for (const [role, entry] of binding.content.roles) {
    const reported = new Set<string>();
    for (const [oid, columns] of labels) {
      const relation = binding.catalog.relationByOid(oid);
      if (!relation) continue;
      for (const [attnum, [first]] of columns) {
        const column = columnAt(relation, attnum);
        const outcome = compile(role, relation, column);
        const use = first && maskFor(binding, role, first.label);
        if (!('reason' in outcome) || !use) continue;
        const written = entry.value.masks?.[use.key];
        const message = `on "${qualified(relation)}.${column.name}" ${outcome.reason}`;
        if (reported.has(message)) continue;
        reported.add(message);
        complain(
          binding,
          { entry, below: typeof written === 'string' ? ['masks', use.key] : ['masks', use.key, 'mask'] },
          {
            code: 'mask-does-not-fit',
            message,
            fix: `use a mask that works on ${column.type}, or one of ${[...builtInMasks].map((one) => `"${one}"`).join(', ')}`,
          },
        );
      }
    }
  }
}
