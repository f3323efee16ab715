/** Which configuration a command works with: the option that names the file, and reading it. */
import { existsSync } from 'node:fs';
import { Option } from 'commander';
import type { Origins } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { ProblemsFailure } from './exit.js';

const DEFAULT_FILE = 'pgveil.yaml';

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
  if (!outcome.ok) throw new ProblemsFailure(outcome.problems);
  return outcome;
}

export async function loadCommandConfig(file: string | undefined): Promise<Config> {
  return (await readCommandConfig(file)).config;
}
