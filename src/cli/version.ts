/** The version of this package, read from its own package.json so that it is written down once. */
import { readFileSync } from 'node:fs';
import { packageFile } from './package-root.js';

export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
  const version =
    typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : undefined;
  return typeof version === 'string' ? version : '0.0.0';
}
