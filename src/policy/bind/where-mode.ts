/** Where `where: equality` cannot work: binding says so, rather than that the mode is ignored. */
import type { Column, Relation } from '../../catalog/types.js';
import { equalityType } from '../equality-types.js';
import { jsonPathText } from '../json-path.js';
import type { WhereMode } from '../types.js';
import { columnAt, complain, qualified, type Binding } from './binding.js';
import type { BoundLabels, PathLabel } from './labels.js';

/** A role's use of a mask on a label, as far as this file asks. */
interface MaskUse {
  readonly key: string;
  readonly where: WhereMode;
}

/** Reports each labelled column whose real value cannot be compared. */
export function reportWhereModes(
  binding: Binding,
  labels: BoundLabels,
  maskFor: (role: string, label: string) => MaskUse | undefined,
): void {
  for (const [role, entry] of binding.content.roles) {
    for (const [oid, columns] of labels) {
      const relation = binding.catalog.relationByOid(oid);
      if (relation === undefined) continue;
      for (const [attnum, found] of columns) {
        for (const one of found) {
          const use = maskFor(role, one.label);
          if (use?.where !== 'equality') continue;
          const problem = misfit(relation, columnAt(relation, attnum), one);
          if (problem === undefined) continue;
          complain(
            binding,
            { entry, below: ['masks', use.key, 'where'] },
            { code: 'where-does-not-fit', ...problem },
          );
        }
      }
    }
  }
}

function misfit(
  relation: Relation,
  column: Column,
  { label, steps }: PathLabel,
): { readonly message: string; readonly fix: string } | undefined {
  const name = `"${qualified(relation)}.${column.name}${jsonPathText(steps)}"`;
  if (steps.length > 0) {
    return {
      message: `${name} is a place inside a jsonb value, and equality compares whole columns`,
      fix: `give the label "${label}" an entry of its own with where: masked or where: deny`,
    };
  }
  if (equalityType(column) !== undefined) return undefined;
  return {
    message: `${name} is ${column.type}, whose real value cannot be compared safely`,
    fix: `give the label "${label}" an entry of its own with where: masked or where: deny; equality works on texts, whole numbers, numeric, uuid, boolean, dates, timestamps, bytea, network addresses and enums`,
  };
}
