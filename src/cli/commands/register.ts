/** What main.ts and the commands agree on. */
import type { Command } from 'commander';
import type { ExitCode } from '../exit.js';
import type { Io } from '../io.js';

/** Adds one command to the program. `done` is told the exit code once its action has finished. */
export type Register = (program: Command, io: Io, done: (code: ExitCode) => void) => void;
