/** Everything that `pgveil check` looks at, in the order it is reported. */
import { verifierProblems } from '../../app/authentication.js';
import { authenticationWarnings, type ConfigWarning } from '../../app/authentication-warnings.js';
import { loadCheckpointKey } from '../../app/checkpoint-key.js';
import { loadEncryption } from '../../app/encryption.js';
import { overdueReviews } from '../../app/reviews.js';
import type { Config } from '../../config/schema.js';
import { loadPolicies } from '../../policy/load.js';
import type { PolicyProblem } from '../../policy/types.js';
import { findTestFiles, readTests } from '../policy-test/load.js';
import { openWorkshop } from '../workshop.js';
import { liveWarnings } from './live.js';

export async function findProblems(config: Config, offline: boolean): Promise<PolicyProblem[]> {
  const loaded = loadPolicies(config.policies);
  if (!loaded.ok) return [...loaded.problems];
  const encryption = loadEncryption(config);
  const signer = loadCheckpointKey(config);
  const problems = [
    ...(encryption.ok ? encryption.warnings : encryption.problems),
    ...(signer.ok ? [] : signer.problems),
    ...(await verifierProblems(config, offline)),
    ...authenticationWarnings(config).map(asProblem),
    ...loaded.warnings,
    ...overdueReviews(loaded.set, new Date()),
    ...readTests(findTestFiles([config.policies])).problems,
  ];
  if (offline) return problems;
  const workshop = await openWorkshop(config);
  try {
    const { catalog } = await workshop.catalog();
    const bound = workshop.bind(workshop.set, catalog);
    problems.push(...bound.problems);
    if (bound.ok) problems.push(...liveWarnings(workshop.set, bound.policy, catalog));
    return problems;
  } finally {
    await workshop.close();
  }
}

function asProblem({ key, message, fix }: ConfigWarning): PolicyProblem {
  const place = { file: 'pgveil.yaml', line: 1, column: 1 };
  return { place, severity: 'warning', code: 'authentication', text: key, message, fix };
}
