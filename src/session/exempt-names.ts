/**
 * Names that SQL makes and uses in an exempt session (PREPARE, EXECUTE, DECLARE, FETCH …), so that the event of an EXECUTE or
 * FETCH names the text behind the name. For the audit alone; it knows names and texts, no messages.
 */
import type { NameUse } from '../enforce/types.js';
import type { AnnouncedChanges } from './effects.js';
import type { Prepared } from './prepared.js';
import type { SessionState } from './session-state.js';
import type { TextFacts } from './statement-run.js';

/** Exempt results are not checked. */
const noGuard = { passed: true, asked: 0 };

export function exemptPrepared(text: TextFacts, command: string): Prepared {
  return {
    text,
    command,
    decision: 'forward',
    facts: undefined,
    epoch: '',
    acting: '',
    parse: undefined,
    guard: noGuard,
  };
}

/** Behind a name that nobody has seen made: by a function, or by a text with several statements that make names. */
export const unknownPrepared: Prepared = exemptPrepared({ auditText: '', shapeId: '', tags: {} }, 'UNKNOWN');

/** The text that the event names: the one behind the name, with the tags of the text that uses it. */
export function textThatRuns(own: TextFacts, target: (use: NameUse) => Prepared | undefined): TextFacts {
  const text = own.runs === undefined ? undefined : target(own.runs)?.text;
  if (text === undefined || text.auditText === '') return own;
  return { auditText: text.auditText, shapeId: text.shapeId, tags: own.tags };
}

/** What a message sent now would find under the name. */
export function expectedTarget(use: NameUse, { statements, portals }: SessionState): Prepared | undefined {
  const name = use.name ?? '';
  return use.of === 'statement' ? statements.expected(name) : portals.expected(name)?.prepared;
}

/** What stands under the name at the answer that is being read. */
export function actualTarget(use: NameUse, { statements, portals }: SessionState): Prepared | undefined {
  const name = use.name ?? '';
  return use.of === 'statement' ? statements.actual(name) : portals.actual(name)?.prepared;
}

/** Call when the text is sent. Of a text that changes several names all are forgotten: no text is better than a wrong one. */
export function announceNames(text: TextFacts, state: SessionState): AnnouncedChanges {
  const { changes } = text;
  if (changes === undefined) return { statementChange: undefined, portalChange: undefined };
  const { auditText, shapeId } = text;
  const made = (command: string): Prepared => exemptPrepared({ auditText, shapeId, tags: {} }, command);
  const one = (of: NameUse['of']): NameUse | undefined => {
    const mine = changes.filter((change) => change.of === of);
    return mine.length > 1 ? { of, does: 'drops', name: undefined } : mine[0];
  };
  const statement = one('statement');
  const cursor = one('cursor');
  const portal = { prepared: made('FETCH'), transaction: 0, declared: true };
  return {
    statementChange:
      statement &&
      state.statements.announce(
        statement.name,
        statement.does === 'makes' ? made('EXECUTE') : undefined,
        state.batch,
      ),
    portalChange:
      cursor &&
      state.portals.announce(cursor.name, cursor.does === 'makes' ? portal : undefined, state.batch),
  };
}
