/** Writes src/enforce/data/builtin-functions.ts: `npx tsx scripts/generate-functions.ts`. */
import { writeFileSync } from 'node:fs';
import { plumbingTypes, refusedFunctions, reviewedNames, typesAtRunTime } from './functions/review.js';
import {
  functionsOf,
  signatureOf,
  supportedVersions,
  type ServerFunction,
} from './functions/server-functions.js';

interface Entry {
  readonly signature: string;
  readonly verdict: string;
  readonly versions: number[];
}

/** `allowed`, `types`, `size`, a reason, or undefined for what nobody has reviewed. */
function verdictOf(one: ServerFunction): string | undefined {
  const signature = signatureOf(one);
  if ([...one.arguments, one.result].some((type) => plumbingTypes.test(type))) return 'plumbing';
  if (typesAtRunTime.has(one.name)) return 'types';
  if (reviewedNames.has(one.name)) return 'allowed';
  for (const [reason, pattern] of refusedFunctions) if (pattern.test(signature)) return reason;
  const byRule = one.volatility === 'i' && one.language !== 'c';
  return byRule ? 'allowed' : undefined;
}

async function main(): Promise<void> {
  const entries = new Map<string, Entry>();
  const unreviewed: string[] = [];
  for (const version of supportedVersions) {
    for (const one of await functionsOf(version)) {
      const signature = signatureOf(one);
      const verdict = verdictOf(one);
      if (verdict === undefined) unreviewed.push(`${version}: ${signature} ${one.volatility}`);
      const known = entries.get(signature);
      if (known === undefined)
        entries.set(signature, { signature, verdict: verdict ?? '', versions: [version] });
      else if (known.verdict === verdict) known.versions.push(version);
      else throw new Error(`${signature}: "${known.verdict}" before ${version}, "${verdict}" there`);
    }
  }
  if (unreviewed.length > 0) throw new Error(`not reviewed:\n${unreviewed.join('\n')}`);
  const byVerdict = new Map<string, string[]>();
  for (const { signature, verdict, versions } of entries.values()) {
    const lines = byVerdict.get(verdict) ?? [];
    const everywhere = versions.length === supportedVersions.length;
    lines.push(everywhere ? signature : `${signature} @${versions.join(',')}`);
    byVerdict.set(verdict, lines);
  }
  const list = (verdict: string): string => `\`\n${byVerdict.get(verdict)!.sort().join('\n')}\n\``;
  const special = ['allowed', 'types', 'size'];
  const refused = [...byVerdict.keys()].filter((verdict) => !special.includes(verdict)).sort();
  writeFileSync(
    'src/enforce/data/builtin-functions.ts',
    [
      '/**',
      ' * Every function of pg_catalog in PostgreSQL 15 to 18, by signature: allowed, or refused for a reason.',
      ' * Written by scripts/generate-functions.ts from scripts/functions/review.ts; do not edit. `@16,17`: only there.',
      ' */',
      "import type { FunctionReason } from './function-reasons.js';",
      '',
      `export const allowedFunctions = ${list('allowed')};`,
      '',
      '/** They call the input function of a type that they learn at run time. */',
      `export const runTimeTypeFunctions = ${list('types')};`,
      '',
      '/** They tell how much there is, and are answered with NULL. */',
      `export const sizeFunctions = ${list('size')};`,
      '',
      'export const refusedFunctions: Readonly<Record<FunctionReason, string>> = {',
      ...refused.map((verdict) => `  ${/^\w+$/.test(verdict) ? verdict : `'${verdict}'`}: ${list(verdict)},`),
      '};',
      '',
    ].join('\n'),
  );
}

await main();
