/** The result of `audit verify` for people. Pure. */
import type { ChainResult, Finding, VerifyResult } from '../../audit/verify/result.js';
import type { Colours } from '../io.js';

export function verifyText(result: VerifyResult, source: string, paint: Colours): string {
  const { events, duplicates, chains, findings, findingsTotal, notes } = result;
  const copies = duplicates === 0 ? '' : `, ${number(duplicates)} of them copies`;
  const lines = [
    `${source}: ${number(events)} events${copies}, in ${number(chains.length)} ${chains.length === 1 ? 'chain' : 'chains'}`,
    ...chains.flatMap((chain) => chainLines(chain, result.keys.length > 0)),
    ...notes.map((note) => `${paint.yellow('note:')} ${note}`),
    ...findings.flatMap((finding) => findingLines(finding, paint)),
    ...(findingsTotal > findings.length
      ? [`${number(findingsTotal - findings.length)} more findings are not listed`]
      : []),
    result.clean
      ? paint.green(
          'clean: every event is as it was recorded, and none is missing before the end of its chain',
        )
      : paint.red(`${number(findingsTotal)} ${findingsTotal === 1 ? 'finding' : 'findings'}`),
  ];
  return `${lines.join('\n')}\n`;
}

function chainLines(chain: ChainResult, checked: boolean): string[] {
  const { instance, first, last, checkpoints, signedUpTo, unsigned } = chain;
  const signed = !checked
    ? `${number(checkpoints)} checkpoints, not checked`
    : signedUpTo === undefined
      ? `not signed (${number(unsigned)} events)`
      : `signed up to ${number(signedUpTo.sequence)}, ${number(unsigned)} unsigned behind it`;
  return [
    `  ${instance}: events ${number(first)} to ${number(last.sequence)} (${new Date(last.time).toISOString()}), ${signed}`,
  ];
}

function findingLines(finding: Finding, paint: Colours): string[] {
  const { kind, chain, sequence, uid, place, problem, meaning } = finding;
  const which = [
    chain === undefined ? '' : `chain ${chain}`,
    sequence === undefined ? '' : `event ${sequence}`,
    uid === undefined ? '' : `uid ${uid}`,
  ].filter((part) => part !== '');
  const where = [`at ${place}`, ...which].join(', ');
  return [`${paint.red(kind)} ${where}`, `  ${problem}`, `  ${paint.dim(`means: ${meaning}`)}`];
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
