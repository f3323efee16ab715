/**
 * Cuts a query text into tokens as PostgreSQL's src/backend/parser/scan.l does with standard_conforming_strings on,
 * blanks its comments and enforces the bounds, before the parser sees a byte. Linear in the text.
 * It knows lexemes and brackets, never grammar.
 */
import { isUtf8 } from 'node:buffer';
import { CharClass, charClasses, continuesIdentifier, startsIdentifier } from './char-classes.js';
import {
  dollarTagLength,
  endOfBlockComment,
  endOfDigits,
  endOfDollarString,
  endOfLineComment,
  endOfNumber,
  endOfQuotedIdentifier,
  endOfString,
} from './lex-literals.js';
import { buildLexedText } from './lexed-text.js';
import { defaultSqlLimits } from './limits.js';
import { NestingBounds } from './nesting.js';
import { endOfOperator, startsComment } from './operators.js';
import { lexProblem, tooDeep, tooLong, tooManyTokens } from './problems.js';
import type { LexProblemName } from './problems.js';
import { KindCode, TokenBuffer } from './token-list.js';
import type { ByteString, LexOutcome, SqlLimits, SqlProblem } from './types.js';

const buffer = new TokenBuffer();

/** Lexes a query text. Refuses, as a value, what servers of different versions or settings would read differently. */
export function lex(text: ByteString, limits: SqlLimits = defaultSqlLimits): LexOutcome {
  const problem = text.length > limits.statementBytes ? tooLong(text.length, limits) : badBytes(text);
  if (problem !== undefined) return { ok: false, problem };
  const lexer = new Lexer(text, limits);
  const refused = lexer.run();
  if (refused !== undefined) {
    buffer.reset();
    return { ok: false, problem: refused };
  }
  return { ok: true, lexed: buildLexedText(text, buffer.take(), lexer.comments, lexer.lastBlockComment) };
}

function badBytes(text: ByteString): SqlProblem | undefined {
  if (!/[\0\x80-\xff]/.test(text)) return undefined;
  const nul = text.indexOf('\0');
  if (nul !== -1) return lexProblem('nul', nul);
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? undefined : lexProblem('utf8', firstInvalid(bytes));
}

/** The offset of the first byte of the first invalid sequence. Only called when there is one. */
function firstInvalid(bytes: Buffer): number {
  let at = 0;
  for (;;) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (!isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
}

class Lexer {
  readonly comments: number[] = [];
  /** Index in `comments` of the last block comment, or -1. */
  lastBlockComment = -1;

  readonly #text: string;
  readonly #limits: SqlLimits;
  readonly #nesting: NestingBounds;
  /** The token before is `.` or AS, so that a word here is a name, whatever it spells. */
  #nameFollows = false;
  #refusal: SqlProblem | undefined;
  readonly #onComment = (start: number, end: number): void => {
    this.comments.push(start, end);
  };

  constructor(text: ByteString, limits: SqlLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#nesting = new NestingBounds(limits);
  }

  run(): SqlProblem | undefined {
    const text = this.#text;
    let position = 0;
    while (position < text.length) {
      const code = text.charCodeAt(position);
      if (charClasses[code] === CharClass.space) {
        position += 1;
        continue;
      }
      const end = startsComment(text, position) ? this.#comment(position, code) : this.#token(position, code);
      // FAIL-CLOSED: whatever the lexer is not sure about ends here, before the parser.
      if (this.#refusal !== undefined) return this.#refusal;
      if (buffer.count > this.#limits.tokens) return tooManyTokens(this.#limits, position);
      position = end;
    }
    return undefined;
  }

  #comment(start: number, code: number): number {
    const isBlock = code === 47;
    const end = isBlock ? endOfBlockComment(this.#text, start) : endOfLineComment(this.#text, start);
    if (end === -1) return this.#refuse('unterminatedComment', start);
    if (isBlock) this.lastBlockComment = this.comments.length;
    this.comments.push(start, end);
    return end;
  }

  #token(start: number, code: number): number {
    switch (charClasses[code]) {
      case CharClass.identifier:
        return this.#word(start, code);
      case CharClass.digit:
        return this.#number(start);
      case CharClass.quote:
        return this.#string(start, start + 1, 'plain', KindCode.string);
      case CharClass.doubleQuote:
        return this.#quotedIdentifier(start);
      case CharClass.dollar:
        return this.#dollar(start);
      case CharClass.dot:
        return this.#dot(start);
      case CharClass.colon: {
        const next = this.#text.charCodeAt(start + 1);
        // A cast is an operator to the parser's stack, though not to the token list.
        if (next === 58) this.#bound(this.#nesting.operator(), start);
        return this.#push(KindCode.punctuation, start, start + (next === 58 || next === 61 ? 2 : 1));
      }
      case CharClass.operator:
        return this.#operator(start, code);
      case CharClass.punctuation:
        return this.#punctuation(start, code);
      case CharClass.verticalTab:
        return this.#refuse('verticalTab', start);
      default:
        // scan.l's {other}: the parser refuses it.
        return this.#push(KindCode.punctuation, start, start + 1);
    }
  }

  #word(start: number, code: number): number {
    const text = this.#text;
    const next = text.charCodeAt(start + 1);
    if (next === 39) {
      const prefix = code | 32;
      if (prefix === 101) return this.#string(start, start + 2, 'escapes', KindCode.string); // E'…'
      if (prefix === 110) return this.#string(start, start + 2, 'plain', KindCode.string); // N'…'
      if (prefix === 98 || prefix === 120) return this.#string(start, start + 2, 'bits', KindCode.bitString);
    } else if (next === 38 && (code | 32) === 117) {
      const afterAmpersand = text.charCodeAt(start + 2);
      if (afterAmpersand === 39 || afterAmpersand === 34) return this.#refuse('unicodeEscape', start);
    }
    let end = start + 1;
    while (continuesIdentifier(text.charCodeAt(end))) end += 1;
    const nameHere = this.#nameFollows;
    this.#push(KindCode.identifier, start, end);
    // The longest word that bears on depth is `intersect`.
    if (end - start <= 9 && end - start > 1) {
      const word = text.slice(start, end);
      if (!nameHere) this.#bound(this.#nesting.word(word), start);
      this.#nameFollows =
        end - start === 2 && (word.charCodeAt(0) | 32) === 97 && (word.charCodeAt(1) | 32) === 115;
    }
    return end;
  }

  #number(start: number): number {
    const text = this.#text;
    const end = endOfNumber(text, start);
    // Covers 1_000, 0x1F, 0o7, 0b1, 1a, 1e and 1.5x alike: servers before 16 took the word for a token of its own.
    if (startsIdentifier(text.charCodeAt(end))) return this.#refuse('numericForm', start);
    return this.#push(numberKind(text, start, end), start, end);
  }

  #string(start: number, from: number, rule: 'plain' | 'escapes' | 'bits', kind: number): number {
    if (this.#continuesAcrossBlockComment(start, from)) return this.#refuse('commentInString', start);
    const end = endOfString(this.#text, from, rule, this.#onComment);
    return end === -1 ? this.#refuse('unterminatedString', start) : this.#push(kind, start, end);
  }

  /**
   * The server never joins constants across a block comment, but once the comment is blanked the parser would, if a
   * newline stands between them.
   */
  #continuesAcrossBlockComment(start: number, from: number): boolean {
    if (from !== start + 1 || this.comments.length === 0 || buffer.count === 0) return false;
    const [kind, previousEnd] = buffer.last();
    if (kind !== KindCode.string && kind !== KindCode.bitString) return false;
    const between = this.#text.slice(previousEnd, start);
    return between.includes('/*') && /[\n\r]/.test(between);
  }

  #quotedIdentifier(start: number): number {
    const end = endOfQuotedIdentifier(this.#text, start + 1);
    if (end === -1) return this.#refuse('unterminatedIdentifier', start);
    if (end === start + 2) return this.#refuse('emptyIdentifier', start);
    return this.#push(KindCode.quotedIdentifier, start, end);
  }

  #dollar(start: number): number {
    const text = this.#text;
    if (charClasses[text.charCodeAt(start + 1)] === CharClass.digit) {
      const end = endOfDigits(text, start + 1);
      // The protocol's parameter count is 16 bits wide; servers differ in how they read a number beyond int4.
      if (
        startsIdentifier(text.charCodeAt(end)) ||
        end - start > 6 ||
        Number(text.slice(start + 1, end)) > 65_535
      ) {
        return this.#refuse('parameterForm', start);
      }
      return this.#push(KindCode.parameter, start, end);
    }
    const tagLength = dollarTagLength(text, start);
    if (tagLength === 0) return this.#push(KindCode.punctuation, start, start + 1);
    const end = endOfDollarString(text, start, tagLength);
    return end === -1 ? this.#refuse('unterminatedDollar', start) : this.#push(KindCode.string, start, end);
  }

  #dot(start: number): number {
    const next = this.#text.charCodeAt(start + 1);
    if (charClasses[next] === CharClass.digit) return this.#number(start);
    this.#push(KindCode.punctuation, start, start + (next === 46 ? 2 : 1));
    this.#nameFollows = next !== 46;
    return next === 46 ? start + 2 : start + 1;
  }

  #operator(start: number, code: number): number {
    const end = endOfOperator(this.#text, start);
    if (code === 61 && end === start + 2 && this.#text.charCodeAt(start + 1) === 62) {
      return this.#push(KindCode.punctuation, start, end); // =>
    }
    this.#bound(this.#nesting.operator(), start);
    return this.#push(KindCode.operator, start, end);
  }

  #punctuation(start: number, code: number): number {
    if (code === 40 || code === 91) this.#bound(this.#nesting.open(), start);
    else if (code === 41 || code === 93) this.#nesting.close();
    else if (code === 44) this.#nesting.separator();
    else if (code === 59) this.#nesting.statementEnd();
    return this.#push(KindCode.punctuation, start, start + 1);
  }

  #push(kind: number, start: number, end: number): number {
    buffer.push(kind, start, end);
    this.#nameFollows = false;
    return end;
  }

  #bound(within: boolean, at: number): void {
    if (!within) this.#refusal ??= tooDeep(this.#limits, at);
  }

  #refuse(name: LexProblemName, at: number): number {
    this.#refusal ??= lexProblem(name, at);
    return at;
  }
}

/** scan.l process_integer_literal: a whole number beyond int4 is handled as numeric. */
function numberKind(text: string, start: number, end: number): number {
  for (let position = start; position < end; position += 1) {
    if (charClasses[text.charCodeAt(position)] !== CharClass.digit) return KindCode.decimal;
  }
  if (end - start < 10) return KindCode.integer;
  return Number(text.slice(start, end)) <= 2_147_483_647 ? KindCode.integer : KindCode.bigInteger;
}
