/**
 * What nine ORMs really send, replayed through the proxy as governed log-ins. test/orm-corpus/outcomes.json names every statement
 * that does not work, with the reason; a new one, or one that works by now, turns this red. To write the file anew, see docs/orms.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/databases.js';
import { versionsOfLongTests } from '../../support/servers.js';
import { compare, corpora, corpusOf, shareOf, type Outcomes } from './outcomes.js';
import { replay, type Answer } from './replay.js';
import { throughProxy, type Login } from './support.js';

type File = Record<string, Partial<Record<Login, Outcomes>>>;

const file = 'test/orm-corpus/outcomes.json';
const write = process.env['PGVEIL_WRITE_OUTCOMES'] === 'true';
const expected = (): File => JSON.parse(readFileSync(file, 'utf8')) as File;

describe.each(versionsOfLongTests)(
  'recorded statements of ORMs on PostgreSQL %i',
  { timeout: 60_000 },
  (version) => {
    const shares: string[] = [];
    afterAll(() => {
      console.log(`PostgreSQL ${version}\n${shares.join('\n')}`);
    });

    describe.each(corpora)('%s', (orm) => {
      const corpus = corpusOf(orm);
      let unprotected: TestDatabase;
      let answers: readonly Answer[];
      beforeAll(async () => {
        unprotected = await createDatabase(version, { fixture: corpus.schema });
        answers = await replay(corpus.statements, () => unprotected.connect('crm_support'));
      });
      afterAll(() => unprotected.drop());

      it.each<Login>(['crm_support', 'crm_marketing'])(
        'work as %s, save for those that are listed',
        async (login) => {
          const governed = await throughProxy(version, corpus, login);
          const outcomes = compare(corpus.statements, answers, governed);
          shares.push(`${orm} as ${login}: ${shareOf(outcomes)}`);
          if (write && version === 18) {
            const kept = expected();
            kept[orm] = { ...kept[orm], [login]: outcomes };
            writeFileSync(file, `${JSON.stringify(kept, null, 1)}\n`);
          }
          expect(outcomes).toEqual(expected()[orm]?.[login]);
        },
      );
    });
  },
);
