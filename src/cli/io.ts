/** Where a command writes. Owns the choice of colours; commands never touch process.stdout themselves. */
import { isatty } from 'node:tty';
import pc from 'picocolors';

export type Colours = ReturnType<typeof pc.createColors>;

export interface Io {
  /** The result: what a pipe wants. */
  readonly out: (text: string) => void;
  /** Progress and complaints: what a person wants. */
  readonly err: (text: string) => void;
  readonly colours: Colours;
  readonly errColours: Colours;
}

/**
 * Human output is coloured only on a terminal (SPEC 1); NO_COLOR switches it off there too (no-color.org).
 * `isTTY` is undefined on a pipe, which picocolors takes for "decide by CI and the like", so the descriptor is asked.
 */
function coloursFor(stream: NodeJS.WriteStream & { readonly fd: number }): Colours {
  return pc.createColors(isatty(stream.fd) && (process.env['NO_COLOR'] ?? '') === '');
}

export function processIo(): Io {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    colours: coloursFor(process.stdout),
    errColours: coloursFor(process.stderr),
  };
}
