/** The prepared statements and portals of one console session. It knows names and what they stand for, no messages. */
import type { Statement } from './command.js';
import type { ConsoleError, Formats } from './frames.js';
import type { CommandResult } from './run-command.js';

export interface PreparedCommand {
  /** Undefined: an empty text. */
  readonly statement: Statement | undefined;
  readonly parameterTypes: readonly number[];
}

export interface ConsolePortal extends PreparedCommand {
  readonly formats: Formats;
  /** Once it has run. */
  result: Extract<CommandResult, { ok: true }> | undefined;
  /** Rows sent so far. */
  sent: number;
}

/** Bounds the memory of a session. */
const MAX_NAMES = 1000;

export class Names<T> {
  private readonly what: 'prepared statement' | 'portal';
  private readonly known = new Map<string, T>();

  constructor(what: 'prepared statement' | 'portal') {
    this.what = what;
  }

  get(name: string): T | ConsoleError {
    return (
      this.known.get(name) ?? {
        sqlstate: this.what === 'portal' ? '34000' : '26000',
        message: `this ${this.what} does not exist`,
      }
    );
  }

  /** The unnamed one is replaced, others must be closed first (exec_parse_message in src/backend/tcop/postgres.c). */
  add(name: string, value: T): ConsoleError | undefined {
    if (name !== '' && this.known.has(name))
      return {
        sqlstate: this.what === 'portal' ? '42P03' : '42P05',
        message: `this ${this.what} exists already`,
      };
    if (this.known.size >= MAX_NAMES && !this.known.has(name))
      return {
        sqlstate: '54000',
        message: `a console session keeps at most ${MAX_NAMES} of each: close some, or DISCARD ALL`,
      };
    this.known.set(name, value);
    return undefined;
  }

  /** Undefined: all. */
  remove(name: string | undefined): void {
    if (name === undefined) this.known.clear();
    else this.known.delete(name);
  }
}
