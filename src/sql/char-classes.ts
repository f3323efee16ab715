/**
 * What a byte can begin or continue, after the character classes of PostgreSQL's src/backend/parser/scan.l.
 * It knows single bytes only, never tokens.
 */

export const CharClass = {
  other: 0,
  space: 1,
  identifier: 2,
  digit: 3,
  operator: 4,
  punctuation: 5,
  quote: 6,
  doubleQuote: 7,
  dollar: 8,
  dot: 9,
  colon: 10,
  verticalTab: 11,
} as const;

/** The class of each byte, by its value. */
export const charClasses: Uint8Array = buildClasses();

/** scan.l ident_start: a letter, an underscore or any byte from 0x80. */
export function startsIdentifier(code: number): boolean {
  return charClasses[code] === CharClass.identifier;
}

/** scan.l ident_cont: also digits and the dollar sign. NaN (behind the end) continues nothing. */
export function continuesIdentifier(code: number): boolean {
  const charClass = charClasses[code];
  return (
    charClass === CharClass.identifier || charClass === CharClass.digit || charClass === CharClass.dollar
  );
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** scan.l newline; either ends a line comment. */
export function isNewline(code: number): boolean {
  return code === 10 || code === 13;
}

/** The only bytes besides + and - that let a longer operator end in + or - (manual, 4.1.3). */
export function allowsTrailingSign(code: number): boolean {
  return '~!@#^&|`?%'.includes(String.fromCharCode(code));
}

function buildClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  const put = (characters: string, charClass: number): void => {
    for (const character of characters) classes[character.charCodeAt(0)] = charClass;
  };
  put(' \t\n\r\f', CharClass.space);
  put('\v', CharClass.verticalTab);
  put('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_', CharClass.identifier);
  classes.fill(CharClass.identifier, 0x80);
  put('0123456789', CharClass.digit);
  put('~!@#^&|`?+-*/%<>=', CharClass.operator);
  put('()[],;', CharClass.punctuation);
  put("'", CharClass.quote);
  put('"', CharClass.doubleQuote);
  put('$', CharClass.dollar);
  put('.', CharClass.dot);
  put(':', CharClass.colon);
  return classes;
}
