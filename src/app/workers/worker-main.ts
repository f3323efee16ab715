/**
 * The program of one worker: the stations of the proxy, told by the primary what to do. It opens no port of its own but
 * the one that all workers share, and ends with the primary.
 */
import { leasedRows } from '../../guard/leased-rows.js';
import { createLogger } from '../../observe/log.js';
import { PolicyError } from '../policy-error.js';
import type { PreparedReload } from '../reload.js';
import { startStations, type Stations } from '../stations.js';
import { runChecks } from '../../observe/admin.js';
import { Line } from './line.js';
import type { ToPrimary, ToWorker, WorkerStart } from './messages.js';
import { askedPlaces } from './shared-places.js';

const CHECK_TIMEOUT_MS = 2_000;

let stations: Stations | undefined;
let prepared: PreparedReload | undefined;

const line: Line<ToPrimary, ToWorker> = new Line<ToPrimary, ToWorker>(
  (packet) => {
    // A primary that has gone is noticed by `disconnect`.
    if (process.connected) process.send?.(packet, undefined, undefined, () => undefined);
  },
  {
    prepareReload: async () => {
      prepared = await running().prepareReload();
      const { problems, version } = prepared;
      return { problems, version };
    },
    commitReload: () => {
      prepared?.commit();
      prepared = undefined;
      return running().policyVersion();
    },
    keepPolicies: (problems) => {
      prepared?.keep(problems);
      prepared = undefined;
      return null;
    },
    samples: () => running().metrics.registry.getMetricsAsJSON(),
    clients: () => running().clients(),
    checks: () => runChecks(running().checks, CHECK_TIMEOUT_MS),
    ddl: (database) => {
      stations?.noteDdl(database);
      return null;
    },
    drain: (graceMs) => {
      void end(graceMs);
      return null;
    },
  },
);

async function start({ config, origins, version, logLevel, worker, workers }: WorkerStart): Promise<void> {
  const logger = createLogger({ level: logLevel, base: { version, worker: String(worker) } });
  try {
    stations = await startStations(config, {
      version,
      logger,
      origins,
      worker,
      workers,
      shared: {
        places: askedPlaces(line),
        rows: leasedRows({
          lease: (request, patienceMs) => line.ask('leaseRows', request, patienceMs),
          settle: (settled) => line.tell('settleRows', settled),
        }),
        reportAlerts: (report) => line.ask('reportAlerts', report),
        noteDdl: (database) => line.tell('ddl', database),
      },
      whole: {
        reload: () => line.ask('reload', null),
        samples: () => line.ask('allSamples', null, CHECK_TIMEOUT_MS),
        clients: () => line.ask('allClients', null, CHECK_TIMEOUT_MS),
      },
    });
    const { policyVersion, checks } = stations;
    if (!(await line.ask('join', { policyVersion: policyVersion(), checks: Object.keys(checks) }))) {
      await end(0);
      return;
    }
    const { host, port } = await stations.listen();
    line.tell('listening', { host, port });
  } catch (error) {
    const problems = error instanceof PolicyError ? error.problems : undefined;
    const message = error instanceof Error ? error.message : 'unknown reason';
    await line.ask('failed', { problems, message }, CHECK_TIMEOUT_MS).catch(() => undefined);
    await end(0);
  }
}

function running(): Stations {
  if (stations === undefined) throw new Error('the worker has not started yet');
  return stations;
}

async function end(graceMs: number): Promise<void> {
  await stations?.close({ graceMs });
  process.exit(0);
}

// The terminal and the service manager signal every process of the group; the primary says what to do.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (message) => line.received(message));
line.ask('hello', null).then(start, () => end(0));
process.once('disconnect', () => {
  // Nobody counts for us any more, and nobody would start us again.
  line.close();
  void end(0);
});
