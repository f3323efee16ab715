/**
 * The command line: registers the commands and turns whatever they end with into an exit code (SPEC 1).
 * Knows no command's inside; each has a file of its own in commands/.
 */
import { Command, CommanderError } from 'commander';
import { registerAudit } from './commands/audit.js';
import { registerCheck } from './commands/check.js';
import { registerDemo } from './commands/demo.js';
import { registerExplain } from './commands/explain.js';
import { registerServe } from './commands/serve.js';
import { registerTest } from './commands/test.js';
import { CommandFailure, EXIT, ProblemsFailure, reasonOf } from './exit.js';
import { processIo, type Io } from './io.js';
import { problemsAsText } from './output/problems.js';
import { packageVersion } from './version.js';

const COMMANDS = [registerServe, registerCheck, registerExplain, registerTest, registerAudit, registerDemo];

/** Runs one command line; the promise's value is the exit code. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let exitCode: number = EXIT.fine;
  const program = new Command('pgveil')
    .description('a PostgreSQL proxy that masks columns, filters rows by consent and audits every statement')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand(false)
    .showHelpAfterError('(see "pgveil --help")')
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err });
  for (const register of COMMANDS) {
    register(program, io, (code) => {
      exitCode = code;
    });
  }
  for (const command of withDescendants(program)) command.exitOverride().copyInheritedSettings(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
    if (error instanceof ProblemsFailure) io.err(problemsAsText(error.problems, io.errColours));
    if (error instanceof CommandFailure) {
      if (error.message !== '') io.err(`${io.errColours.red('error:')} ${error.message}\n`);
      if (error.fix !== undefined) io.err(`${io.errColours.cyan('fix:')} ${error.fix}\n`);
      return error.exitCode;
    }
    // Anything else is a bug or an I/O error nobody expected; the stack helps whoever has to find it.
    const stack =
      process.env['PGVEIL_DEBUG'] === undefined
        ? ''
        : `\n${error instanceof Error ? (error.stack ?? '') : ''}`;
    io.err(`${io.errColours.red('error:')} ${reasonOf(error)}${stack}\n`);
    return EXIT.findings;
  }
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap((child) => withDescendants(child))];
}

/** A reader that went away (`pgveil explain … | head`) is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.fine);
  throw error;
});

process.exitCode = await main(process.argv.slice(2), processIo());
