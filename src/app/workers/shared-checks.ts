/** /readyz of several workers: each check has passed when it has in every worker, and every worker is there. */
import type { Check, CheckResult } from '../../observe/admin.js';
import type { Crew } from './crew.js';

const CHECKS_MS = 2_500;

export function sharedChecks(crew: Crew, workers: number): Readonly<Record<string, Check>> {
  let round: Promise<Answers> | undefined;
  // One question to each worker serves all checks of a request.
  const ask = (): Promise<Answers> => (round ??= answers(crew).finally(() => (round = undefined)));
  const checks: Record<string, Check> = {
    workers: () => {
      const ready = crew.members().filter(({ listening }) => listening).length;
      return { ok: ready === workers, detail: `${ready} of ${workers}` };
    },
  };
  for (const name of crew.checkNames) checks[name] = async () => worst(await ask(), name);
  return checks;
}

type Answers = readonly {
  readonly worker: number;
  readonly results: Readonly<Record<string, CheckResult>> | undefined;
}[];

function answers(crew: Crew): Promise<Answers> {
  return Promise.all(
    crew.members().map(async ({ worker, line }) => ({
      worker,
      results: await line.ask('checks', null, CHECKS_MS).catch(() => undefined),
    })),
  );
}

function worst(all: Answers, name: string): CheckResult {
  const results = all.map(({ worker, results: one }) => ({
    worker,
    // FAIL-CLOSED: who does not answer has not passed.
    result: one?.[name] ?? { ok: false, detail: 'no answer' },
  }));
  const failing = results.find(({ result }) => !result.ok);
  if (failing !== undefined)
    return { ok: false, detail: `worker ${failing.worker}: ${failing.result.detail ?? 'failed'}` };
  return results[0]?.result ?? { ok: false, detail: 'no worker' };
}
