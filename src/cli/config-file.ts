/** Which configuration a command works with: the option that names the file, and reading it. */
import { existsSync } from 'node:fs';
import { Option } from 'commander';
import type { Origins } from '../config/load.js';
import type { Config } from '../config/schema.js';
import type { PolicyProblem } from '../policy/types.js';
import { ProblemsFailure } from './exit.js';

const DEFAULT_FILE = 'pgveil.yaml';

const fileMissing: PolicyProblem = {
  place: { file: DEFAULT_FILE, line: 1, column: 1 },
  severity: 'error',
  code: 'file',
  text: '',
  message: `there is no ${DEFAULT_FILE} in this folder, and the environment does not say enough`,
  fix: 'name the file with -c, or write one; docs/pgveil.example.yaml is a sample',
};

export function configOption(): Option {
  return new Option(
    '-c, --config <file>',
    `the configuration file (default: ${DEFAULT_FILE}, when there is one)`,
  );
}

/** Without a file the environment may say everything; that is how containers like it. */
export async function readCommandConfig(
  file: string | undefined,
): Promise<{ readonly config: Config; readonly origins: Origins }> {
  const { loadConfig } = await import('../config/load.js');
  const outcome = loadConfig({ file: file ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined) });
  if (outcome.ok) return outcome;
  const noFile = file === undefined && !existsSync(DEFAULT_FILE);
  throw new ProblemsFailure([...(noFile ? [fileMissing] : []), ...outcome.problems]);
}

export async function loadCommandConfig(file: string | undefined): Promise<Config> {
  return (await readCommandConfig(file)).config;
}
