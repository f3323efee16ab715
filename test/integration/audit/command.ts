/** Runs a subcommand of `pgveil audit` in this process, as the command line would. */
import { Command } from 'commander';
import pc from 'picocolors';
import type { registerVerify } from '../../../src/cli/commands/audit-verify.js';
import { CommandFailure } from '../../../src/cli/exit.js';

export interface Outcome {
  /** Undefined: it has said none. */
  readonly code: number | undefined;
  readonly out: string;
  readonly error: string;
}

/** A failure that the command line would print is the outcome's; any other is thrown. */
export async function runAudit(
  register: typeof registerVerify,
  name: string,
  args: readonly string[],
): Promise<Outcome> {
  let out = '';
  let error = '';
  let code: number | undefined;
  const colours = pc.createColors(false);
  const io = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (error += text),
    colours,
    errColours: colours,
  };
  const audit = new Command('audit').exitOverride().configureOutput({ writeErr: io.err });
  register(audit, io, (given) => {
    code = given;
  });
  try {
    await audit.parseAsync([name, ...args], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommandFailure)) throw thrown;
    return { code: thrown.exitCode, out, error: error + thrown.message };
  }
  return { code, out, error };
}
