/** What one process shows on its console, and how it reloads. It knows no messages and no other process. */
import { configFacts, type Origins } from '../config/load.js';
import type { Config } from '../config/schema.js';
import type { LoadedPolicySet } from '../policy/load.js';
import type { PolicyProblem } from '../policy/types.js';
import type { ClientFacts, ConsoleSource } from '../session/console/source.js';
import { consoleStats, type MetricSamples } from './console-stats.js';
import { overdueRoles } from './reviews.js';

export interface ConsoleParts {
  readonly config: Config;
  readonly origins: Origins | undefined;
  readonly version: string;
  readonly samples: () => Promise<readonly MetricSamples[]>;
  readonly clients: () => Promise<readonly ClientFacts[]>;
  /** What is in force. */
  readonly policies: () => LoadedPolicySet;
  readonly loaded: () => { readonly at: Date; readonly warnings: number };
  readonly bound: () => readonly string[];
  readonly unbound: () => readonly string[];
  readonly serverVersion: () => string | undefined;
  readonly reload: () => Promise<readonly PolicyProblem[]>;
}

export function createConsoleSource(parts: ConsoleParts): ConsoleSource {
  const { config, origins, version, policies } = parts;
  return {
    stats: async () => consoleStats(await parts.samples()),
    clients: () => parts.clients(),
    policies: () => {
      const set = policies();
      const { at, warnings } = parts.loaded();
      return Promise.resolve([
        {
          name: set.name,
          version: set.version,
          mode: set.content.mode,
          loadedAt: at.toISOString(),
          files: set.files,
          roles: [...set.content.roles.keys()],
          warnings,
          overdueReviews: overdueRoles(set, new Date()),
          databases: parts.bound(),
          unfit: parts.unbound(),
        },
      ]);
    },
    config: () => Promise.resolve(configFacts(config, origins)),
    version: () =>
      Promise.resolve({ pgveil: version, node: process.versions.node, postgresql: parts.serverVersion() }),
    reload: async () => {
      const problems = await parts.reload();
      const { name, version: inForce } = policies();
      return {
        policy: name,
        version: inForce,
        problems: problems
          .filter(({ severity }) => severity === 'error')
          .map(
            ({ place, message, fix }) => `${place.file}:${place.line}:${place.column}: ${message}; ${fix}`,
          ),
      };
    },
  };
}
