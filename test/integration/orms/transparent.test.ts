/**
 * INVARIANT(transparent): under a policy that protects every table and hides nothing of it, each recorded statement of nine ORMs
 * gets the rows, the command tag and the SQLSTATE that the server alone gives.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { canariesMayPass } from '../../support/canary-tap.js';
import { createDatabase } from '../../support/databases.js';
import { corpora, corpusOf, type Outcomes } from './outcomes.js';
import { replay, type Answer } from './replay.js';
import { throughProxy } from './support.js';

canariesMayPass('the policy hides nothing');

const listed = JSON.parse(readFileSync('test/orm-corpus/outcomes.json', 'utf8')) as Record<
  string,
  Record<string, Outcomes>
>;

describe('a policy that hides nothing', { timeout: 60_000 }, () => {
  it.each(corpora)('changes no answer to a statement of %s', async (orm) => {
    const recorded = corpusOf(orm);
    const refused = new Set(listed[orm]?.['crm_support']?.exceptions.map((each) => each.sql));
    // What pgveil refuses whatever the policy would show in the answers behind it: it runs on neither side.
    const statements = recorded.statements.filter(({ sql }) => !refused.has(sql));
    const corpus = { ...recorded, statements };
    const unprotected = await createDatabase(18, { fixture: corpus.schema });
    try {
      const answers = await replay(statements, () => unprotected.connect('crm_support'));
      const governed = await throughProxy(18, corpus, 'crm_support', 'test/orm-corpus/open-policy');
      statements.forEach(({ sql }, index) => {
        expect({ sql, ...seen(governed[index]!) }).toEqual({ sql, ...seen(answers[index]!) });
      });
    } finally {
      await unprotected.drop();
    }
  });
});

/** Errors are compared by their code: their text is pgveil's for governed sessions. */
function seen(answer: Answer): object {
  return answer.ok ? answer : { ok: false, code: answer.code };
}
