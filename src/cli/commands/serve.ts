/** `pgveil serve`: runs the proxy and answers signals (SPEC 1). */
import type { App } from '../../app.js';
import type { Origins } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { CommandFailure, EXIT, ProblemsFailure, reasonOf, type ExitCode } from '../exit.js';
import { packageVersion } from '../version.js';
import { configOption, readCommandConfig } from '../config-file.js';
import type { Register } from './register.js';

interface Options {
  readonly config: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly drain: number;
}

export const registerServe: Register = (program, _io, done) => {
  program
    .command('serve')
    .description(
      'run the proxy: SIGTERM drains and stops it, SIGINT stops it at once, SIGHUP reloads the policies',
    )
    .addOption(configOption())
    .addOption(
      program
        .createOption('--log-level <level>', 'debug, info, warn or error')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addOption(
      program
        .createOption('--drain <seconds>', 'how long transactions may take to finish after SIGTERM')
        .argParser(Number)
        .default(30),
    )
    .action(async (options: Options) => {
      done(await serve(options));
    });
};

async function serve(options: Options): Promise<ExitCode> {
  if (!Number.isFinite(options.drain) || options.drain < 0) {
    throw new CommandFailure(EXIT.usage, '--drain takes a number of seconds', {
      fix: 'write for example --drain 30',
    });
  }
  const { config, origins } = await readCommandConfig(options.config);
  const app = await start(config, origins, options.logLevel);
  await untilStopped(app, options.drain * 1000);
  return EXIT.fine;
}

async function start(config: Config, origins: Origins, logLevel: Options['logLevel']): Promise<App> {
  const { PolicyError, startApp } = await import('../../app.js');
  const { workerCount } = await import('../../app/workers/worker-count.js');
  const { startWorkers } = await import('../../app/workers/primary.js');
  const workers = workerCount(config.workers);
  const common = { version: packageVersion(), logLevel, origins };
  try {
    return await (workers === 1 ? startApp(config, common) : startWorkers(config, { ...common, workers }));
  } catch (error) {
    if (error instanceof PolicyError) throw new ProblemsFailure(error.problems);
    throw new CommandFailure(EXIT.findings, `pgveil could not start: ${reasonOf(error)}`, { cause: error });
  }
}

/** The handlers stay to the end: a second signal hastens a drain, it does not kill the process half-way through. */
function untilStopped(app: App, drainMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (graceMs: number): void => {
      app.close({ graceMs }).then(resolve, reject);
    };
    process.on('SIGTERM', () => {
      stop(drainMs);
    });
    process.on('SIGINT', () => {
      stop(0);
    });
    process.on('SIGHUP', () => {
      app.reload().catch(() => undefined); // The log has told it.
    });
  });
}
