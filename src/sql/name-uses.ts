/**
 * What a text does to names of prepared statements and cursors, read off its tokens: for the audit of exempt sessions, whose
 * texts are not parsed. A guess where grammar would be needed; nothing is decided by it.
 */
import type { ByteString, LexedText } from './types.js';

export interface NameUse {
  readonly of: 'statement' | 'cursor';
  readonly does: 'makes' | 'runs' | 'drops';
  /** As the server knows it; undefined: all. */
  readonly name: string | undefined;
}

export interface NameUses {
  /** What the text is, when it is this one statement and no more. */
  readonly runs?: NameUse;
  readonly changes?: readonly NameUse[];
}

export function nameUses(lexed: LexedText): NameUses {
  const uses: NameUse[] = [];
  let statements = 0;
  let words: string[] = [];
  const end = (): void => {
    if (words.length > 0) statements += 1;
    const use = useOf(words);
    if (use !== undefined) uses.push(use);
    words = [];
  };
  for (let index = 0; index < lexed.tokens.length; index += 1) {
    const word = lexed.text.slice(lexed.tokens.start(index), lexed.tokens.end(index));
    if (word === ';') end();
    else words.push(word);
  }
  end();
  const runs = statements === 1 && uses[0]?.does === 'runs' ? uses[0] : undefined;
  const changes = uses.filter(({ does }) => does !== 'runs');
  return { ...(runs === undefined ? {} : { runs }), ...(changes.length === 0 ? {} : { changes }) };
}

function useOf(all: readonly string[]): NameUse | undefined {
  const words = all.slice(behindExplain(all));
  const word = (index: number): string => (words[index] ?? '').toLowerCase();
  const target = (of: NameUse['of'], does: NameUse['does'], at: number): NameUse | undefined =>
    words[at] === undefined ? undefined : { of, does, name: nameOf(words[at]) };
  switch (word(0)) {
    case 'prepare':
      return word(1) === 'transaction' ? undefined : target('statement', 'makes', 1);
    case 'execute':
      return target('statement', 'runs', 1);
    case 'deallocate': {
      const at = word(1) === 'prepare' && words.length > 2 ? 2 : 1;
      return word(at) === 'all'
        ? { of: 'statement', does: 'drops', name: undefined }
        : target('statement', 'drops', at);
    }
    case 'discard':
      return word(1) === 'all' ? { of: 'statement', does: 'drops', name: undefined } : undefined;
    case 'declare':
      return target('cursor', 'makes', 1);
    case 'fetch':
    case 'move':
      return target('cursor', 'runs', words.length - 1);
    case 'close':
      return word(1) === 'all'
        ? { of: 'cursor', does: 'drops', name: undefined }
        : target('cursor', 'drops', 1);
    default:
      return undefined;
  }
}

function behindExplain(words: readonly string[]): number {
  if (words[0]?.toLowerCase() !== 'explain') return 0;
  if (words[1] === '(') return words.indexOf(')') + 1;
  let at = 1;
  while (/^(?:analy[sz]e|verbose)$/i.test(words[at] ?? '')) at += 1;
  return at;
}

/** Names without quotes are folded, as far as every server does it: ASCII (downcase_identifier in scansup.c). */
function nameOf(word: string): ByteString {
  if (word.startsWith('"')) return word.slice(1, -1).replaceAll('""', '"') as ByteString;
  return word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) as ByteString;
}
