/** Tells a person how far long work has come: on a terminal in one line, else every few seconds. Never on stdout. */
import { isatty } from 'node:tty';
import type { Io } from './io.js';

export interface Progress {
  readonly update: (done: number, total: number | undefined) => void;
  /** Takes the line away. */
  readonly end: () => void;
}

const TERMINAL_MS = 100;
const PIPE_MS = 5_000;

export function showProgress(io: Io, what: string, terminal = isatty(2)): Progress {
  let told = performance.now();
  let line = false;
  return {
    update(done, total) {
      if (performance.now() - told < (terminal ? TERMINAL_MS : PIPE_MS)) return;
      told = performance.now();
      const of = total === undefined ? '' : ` of ${total.toLocaleString('en-US')}`;
      const text = `${done.toLocaleString('en-US')}${of} ${what}`;
      io.err(terminal ? `\r\u001b[K${text}` : `${text}\n`);
      line = terminal;
    },
    end() {
      if (line) io.err('\r\u001b[K');
      line = false;
    },
  };
}
