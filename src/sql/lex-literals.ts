/**
 * Where a literal, quoted identifier, comment or number ends, after PostgreSQL's src/backend/parser/scan.l with
 * standard_conforming_strings on. Each function starts at a byte it is told and returns the byte behind the end,
 * or -1 when there is none. It knows no tokens and no bounds.
 */
import { CharClass, charClasses, isDigit, isNewline } from './char-classes.js';

const quote = 39;
const backslash = 92;

/** What may be inside a quoted constant. */
export type QuoteRule = 'plain' | 'escapes' | 'bits';

/**
 * The end of a quoted constant whose opening quote stands before `from`, continuation lines included.
 * Line comments between the parts are handed to `onComment`.
 */
export function endOfString(
  text: string,
  from: number,
  rule: QuoteRule,
  onComment: (start: number, end: number) => void,
): number {
  let position = from;
  for (;;) {
    const close = endOfPart(text, position, rule);
    if (close === -1) return -1;
    const next = continuation(text, close, onComment);
    if (next === -1) return close;
    position = next;
  }
}

/** The byte behind the closing quote of one part. */
function endOfPart(text: string, from: number, rule: QuoteRule): number {
  if (rule === 'escapes') return endOfEscapedPart(text, from);
  let position = from;
  for (;;) {
    const close = text.indexOf("'", position);
    if (close === -1) return -1;
    // In bit strings '' is no quote but an end and a start (scan.l has no xqdouble rule in xb and xh).
    if (rule === 'bits' || text.charCodeAt(close + 1) !== quote) return close + 1;
    position = close + 2;
  }
}

function endOfEscapedPart(text: string, from: number): number {
  let position = from;
  while (position < text.length) {
    const code = text.charCodeAt(position);
    if (code === backslash) position += 2;
    else if (code !== quote) position += 1;
    else if (text.charCodeAt(position + 1) === quote) position += 2;
    else return position + 1;
  }
  return -1;
}

/**
 * The byte behind the quote that continues a constant (scan.l quotecontinue: white space with a newline, line
 * comments counting as white space, then a quote), or -1.
 */
function continuation(text: string, from: number, onComment: (start: number, end: number) => void): number {
  let position = from;
  let newline = false;
  const comments: number[] = [];
  for (;;) {
    const code = text.charCodeAt(position);
    if (charClasses[code] === CharClass.space) {
      newline ||= isNewline(code);
      position += 1;
    } else if (code === 45 && text.charCodeAt(position + 1) === 45) {
      const end = endOfLineComment(text, position);
      if (end === text.length) return -1;
      comments.push(position, end);
      position = end;
    } else if (code === quote && newline) {
      for (let index = 0; index < comments.length; index += 2)
        onComment(comments[index]!, comments[index + 1]!);
      return position + 1;
    } else {
      return -1;
    }
  }
}

/** The end of a quoted identifier whose opening quote stands before `from`. */
export function endOfQuotedIdentifier(text: string, from: number): number {
  let position = from;
  for (;;) {
    const close = text.indexOf('"', position);
    if (close === -1) return -1;
    if (text.charCodeAt(close + 1) !== 34) return close + 1;
    position = close + 2;
  }
}

/** The length of the `$tag$` that starts at `from`, or 0 when there is none. */
export function dollarTagLength(text: string, from: number): number {
  let position = from + 1;
  if (charClasses[text.charCodeAt(position)] === CharClass.identifier) {
    do position += 1;
    while (isTagByte(text.charCodeAt(position)));
  }
  return text.charCodeAt(position) === 36 ? position + 1 - from : 0;
}

function isTagByte(code: number): boolean {
  return charClasses[code] === CharClass.identifier || isDigit(code);
}

/** The end of the dollar-quoted constant at `from`. */
export function endOfDollarString(text: string, from: number, tagLength: number): number {
  const close = text.indexOf(text.slice(from, from + tagLength), from + tagLength);
  return close === -1 ? -1 : close + tagLength;
}

/** The newline (or the end of the text) that ends the line comment at `from`. */
export function endOfLineComment(text: string, from: number): number {
  let position = from + 2;
  while (position < text.length && !isNewline(text.charCodeAt(position))) position += 1;
  return position;
}

/** The end of the block comment at `from`; they nest. */
export function endOfBlockComment(text: string, from: number): number {
  let depth = 1;
  let position = from + 2;
  while (position < text.length) {
    const code = text.charCodeAt(position);
    const next = text.charCodeAt(position + 1);
    if (code === 42 && next === 47) {
      depth -= 1;
      position += 2;
      if (depth === 0) return position;
    } else if (code === 47 && next === 42) {
      depth += 1;
      position += 2;
    } else {
      position += 1;
    }
  }
  return -1;
}

/** The byte behind a run of digits. */
export function endOfDigits(text: string, from: number): number {
  let position = from;
  while (isDigit(text.charCodeAt(position))) position += 1;
  return position;
}

/** The end of the number at `from`: digits, a fraction, an exponent. `1..2` is a 1 before two dots. */
export function endOfNumber(text: string, from: number): number {
  let position = endOfDigits(text, from);
  if (text.charCodeAt(position) === 46 && text.charCodeAt(position + 1) !== 46) {
    position = endOfDigits(text, position + 1);
  }
  const code = text.charCodeAt(position);
  if (code !== 101 && code !== 69) return position;
  const sign = text.charCodeAt(position + 1);
  const digits = position + (sign === 43 || sign === 45 ? 2 : 1);
  return isDigit(text.charCodeAt(digits)) ? endOfDigits(text, digits) : position;
}
