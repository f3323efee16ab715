/** policies/crm.yaml, where support is shown two rows of a statement at most: for attempts to have more. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function limitedPolicies(): { readonly path: string; remove(): void } {
  const crm = readFileSync('policies/crm.yaml', 'utf8');
  const role = '  support:\n    purposes: [support]\n';
  if (!crm.includes(role)) throw new Error('policies/crm.yaml has another role support');
  const path = mkdtempSync(join(tmpdir(), 'pgveil-limited-'));
  writeFileSync(join(path, 'crm.yaml'), crm.replace(role, `${role}    limits: { rows_per_statement: 2 }\n`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
