/** The comma-separated attributes of SCRAM messages (RFC 5802, section 5.1; read_attr_value and read_any_attr in auth-scram.c). */
import { malformed } from './sasl-problem.js';

/** A cursor over one message, a byte string without NUL. */
export class ScramAttributes {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Where the next attribute begins. */
  get position(): number {
    return this.at;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  /** The next character, or '' at the end. */
  peek(): string {
    return this.text.charAt(this.at);
  }

  skip(): void {
    this.at++;
  }

  /** The value of the attribute that must come now. */
  value(name: string): string {
    const found = this.peek();
    if (found !== name)
      throw malformed(`Attribute "${name}" was expected, but found ${shownCharacter(found)}.`);
    return this.rest(name);
  }

  /** Whatever attribute comes now. */
  any(): readonly [name: string, value: string] {
    const name = this.peek();
    if (!/^[A-Za-z]$/.test(name))
      throw malformed(`Attribute expected, but found invalid character ${shownCharacter(name)}.`);
    return [name, this.rest(name)];
  }

  private rest(name: string): string {
    this.at++;
    if (this.peek() !== '=') throw malformed(`Expected character "=" for attribute "${name}".`);
    const start = this.at + 1;
    const comma = this.text.indexOf(',', start);
    const end = comma < 0 ? this.text.length : comma;
    this.at = comma < 0 ? end : end + 1;
    return this.text.slice(start, end);
  }
}

/** sanitize_char: the client's bytes are not repeated unless they are plain ASCII. */
export function shownCharacter(char: string): string {
  if (char === '') return '0x00';
  return /^[\x21-\x7e]$/.test(char) ? `"${char}"` : `0x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** `printable` of RFC 5802: ASCII without blanks and commas. */
export function isPrintable(text: string): boolean {
  return /^[\x21-\x2b\x2d-\x7e]*$/.test(text);
}
