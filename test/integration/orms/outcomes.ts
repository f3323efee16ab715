/** How a governed answer compares with the unprotected server's, and what of it is kept in test/orm-corpus/outcomes.json. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Corpus, RecordedStatement } from '../../orm-corpus/corpus.js';
import type { Answer } from './replay.js';

export const corpora: readonly string[] = readdirSync('test/orm-corpus')
  .filter((file) => file.endsWith('.json') && file !== 'outcomes.json')
  .map((file) => file.replace('.json', ''));

export function corpusOf(orm: string): Corpus {
  return JSON.parse(readFileSync(`test/orm-corpus/${orm}.json`, 'utf8')) as Corpus;
}

/** A statement that does not work, with the reason. */
export interface Exception {
  readonly scenario: string;
  readonly outcome: string;
  readonly sql: string;
}

export interface Outcomes {
  readonly statements: number;
  readonly works: number;
  readonly exceptions: readonly Exception[];
}

export function compare(
  statements: readonly RecordedStatement[],
  unprotected: readonly Answer[],
  governed: readonly Answer[],
): Outcomes {
  const exceptions = statements.flatMap(({ scenario, sql }, index) => {
    const outcome = outcomeOf(unprotected[index]!, governed[index]!);
    return outcome === 'works' ? [] : [{ scenario, outcome, sql }];
  });
  const works = statements.length - exceptions.length;
  return { statements: statements.length, works, exceptions: distinct(exceptions) };
}

function outcomeOf(unprotected: Answer, governed: Answer): string {
  if (governed.ok) return unprotected.ok ? 'works' : `breaks: ${unprotected.code} is missing`;
  if (!unprotected.ok && unprotected.code === governed.code) return 'works';
  if (!governed.message.startsWith('pgveil: ')) return `breaks: ${governed.code}`;
  const kind = /relation "public\..* is not open to role/.test(governed.message) ? 'policy' : 'refused';
  return `${kind}: ${governed.message.slice('pgveil: '.length)} (${governed.detail})`;
}

/** In words: of how many, and what the rest meets. `policy` is the sample policy's own word about a table, and no fault. */
export function shareOf({ statements, works, exceptions }: Outcomes): string {
  const count = (test: (outcome: string) => boolean): number =>
    exceptions.filter((each) => test(each.outcome)).length;
  const byPolicy = count((outcome) => outcome.startsWith('policy'));
  const refused = count((outcome) => outcome.startsWith('refused'));
  const breaks = count((outcome) => outcome.startsWith('breaks'));
  return `${works} of ${statements} work; refused by the policy ${byPolicy}, by pgveil ${refused}, broken ${breaks}`;
}

/** The same statement with other parameters counts once in the list; the share counts every one. */
function distinct(exceptions: readonly Exception[]): Exception[] {
  const seen = new Map(exceptions.map((each) => [JSON.stringify(each), each]));
  return [...seen.values()];
}
