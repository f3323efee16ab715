/** What the commands end with (SPEC 1). Owns the exit codes and the one error that carries one; prints nothing. */

import type { PolicyProblem } from '../policy/types.js';

/** Fine, findings or failures, wrong usage, bad config or policy (EX_CONFIG of sysexits.h). */
export const EXIT = { fine: 0, findings: 1, usage: 2, config: 78 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message for people and an exit code; never a stack trace. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  readonly fix: string | undefined;

  constructor(
    exitCode: ExitCode,
    message: string,
    options: { readonly fix?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
    this.fix = options.fix;
  }
}

/** A config or policy that cannot be used; each problem is printed with its place and fix. */
export class ProblemsFailure extends CommandFailure {
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(EXIT.config, '');
    this.name = 'ProblemsFailure';
    this.problems = problems;
  }
}

/** The text of anything thrown, with the first cause when it says more. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A refused connection to a name with several addresses is an AggregateError with an empty message (Node's net).
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  const cause =
    error.cause instanceof Error && error.cause.message !== error.message ? error.cause.message : '';
  return cause !== '' && !error.message.includes(cause) ? `${error.message}: ${cause}` : error.message;
}
