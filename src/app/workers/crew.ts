/**
 * The workers' processes: one place each, filled again when its process ends unasked. It keeps what they share (places,
 * rows, metrics) and passes on what one has to tell the others.
 */
import cluster, { type Worker } from 'node:cluster';
import { availableParallelism } from 'node:os';
import type { Config } from '../../config/schema.js';
import { RowLedger } from '../../guard/row-ledger.js';
import { WorkerMetrics, type MetricSnapshot } from '../../observe/aggregate.js';
import type { Logger } from '../../observe/log.js';
import type { PolicyProblem } from '../../policy/types.js';
import { CountedPlaces } from '../../session/places.js';
import type { AlertOffice } from '../alert-office.js';
import { PolicyError } from '../policy-error.js';
import { watchHandOvers } from './hand-overs.js';
import { Line } from './line.js';
import type { ToPrimary, ToWorker, WorkerFailure, WorkerStart } from './messages.js';
import { WorkerPlaces } from './shared-places.js';

export interface CrewOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly workers: number;
  readonly start: Omit<WorkerStart, 'worker' | 'workers'>;
  readonly mayJoin: (policyVersion: string) => Promise<boolean>;
  readonly reload: () => Promise<readonly PolicyProblem[]>;
  readonly samplesMs: number;
  readonly alerts: Pick<AlertOffice, 'report' | 'gone'>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A running process. */
interface Member {
  /** From 1 on. */
  readonly worker: number;
  readonly process: Worker;
  readonly line: Line<ToWorker, ToPrimary>;
  readonly places: WorkerPlaces;
  readonly since: number;
  /** Its policies are loaded. */
  joined: boolean;
  listening: boolean;
  failure: WorkerFailure | undefined;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** Who has lived so long has not failed at its start. */
const STEADY_MS = 30_000;
/** Beyond the grace of its sessions: the spool is synced and shipped meanwhile. */
const STOP_MS = 15_000;

export class Crew {
  readonly metrics = new WorkerMetrics();
  checkNames: readonly string[] = [];
  readonly #options: CrewOptions;
  readonly #members = new Map<number, Member>();
  readonly #places: CountedPlaces;
  readonly #rows: RowLedger;
  readonly #failures = new Map<number, number>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  #closing = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    const { limits } = options.config;
    this.#places = new CountedPlaces({
      connections: limits.connections,
      connectionsPerUser: limits.connections_per_user,
      connectionsPerAddress: limits.connections_per_address,
    });
    this.#rows = new RowLedger(options.workers);
  }

  /** Those that have their policies loaded. */
  members(): readonly Member[] {
    return [...this.#members.values()].filter(({ joined }) => joined);
  }

  /** Resolves when all accept connections; rejects as startApp does when one cannot start. */
  async begin(patienceMs: number): Promise<Address> {
    // The first one alone, so that what is wrong is told once.
    const address = await this.#first(1, patienceMs);
    const others = Array.from({ length: this.#options.workers - 1 }, (_, index) => index + 2);
    // As many at once as there are processors: more would only take each other's time, until it is up.
    const together = availableParallelism();
    for (let begun = 0; begun < others.length; begun += together)
      await Promise.all(
        others.slice(begun, begun + together).map((worker) => this.#first(worker, patienceMs)),
      );
    return address;
  }

  /** Asks every worker for its metrics. */
  async collect(): Promise<void> {
    const asked = this.members().map(async ({ worker, line }) => {
      this.metrics.seen(worker, await line.ask('samples', null, this.#options.samplesMs));
    });
    // Who does not answer now is shown as it was seen last.
    await Promise.allSettled(asked);
  }

  /** Sessions may finish their transactions; resolves when all processes have ended. */
  async drain(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    await Promise.all(
      [...this.#members.values()].map(async ({ process, line, joined }) => {
        line.tell('drain', graceMs);
        if (process.isDead()) return;
        // Who is still starting may not hear it yet, and has no session.
        const patienceMs = joined ? graceMs + STOP_MS : 0;
        const kill = setTimeout(() => process.process.kill('SIGKILL'), patienceMs);
        await new Promise((resolve) => process.once('exit', resolve));
        clearTimeout(kill);
      }),
    );
  }

  #first(worker: number, patienceMs: number): Promise<Address> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`worker ${worker} did not start within ${patienceMs / 1000} s`));
      }, patienceMs);
      this.#spawn(worker, {
        listening: (address) => {
          clearTimeout(timer);
          resolve(address);
        },
        ended: (failure) => {
          clearTimeout(timer);
          if (failure?.problems !== undefined) reject(new PolicyError(failure.problems));
          else reject(new Error(failure?.message ?? `worker ${worker} ended while it started`));
        },
      });
    });
  }

  #spawn(
    worker: number,
    start?: {
      listening(address: Address): void;
      ended(failure: WorkerFailure | undefined): void;
    },
  ): void {
    const process = cluster.fork();
    watchHandOvers(process, () => this.#closing);
    const places = new WorkerPlaces(this.#places);
    let starting = start;
    const line: Line<ToWorker, ToPrimary> = new Line<ToWorker, ToPrimary>(
      (packet) => {
        if (process.isConnected()) process.send(packet, () => undefined);
      },
      {
        hello: () => ({ ...this.#options.start, worker, workers: this.#options.workers }),
        join: async ({ policyVersion, checks }) => {
          this.checkNames = checks;
          member.joined = true;
          const may = await this.#options.mayJoin(policyVersion);
          member.joined = may;
          if (!may) this.#options.logger.error({ worker }, 'a worker has other policies than those in force');
          return may;
        },
        listening: (address) => {
          member.listening = true;
          this.#count();
          starting?.listening(address);
          starting = undefined;
          return null;
        },
        failed: (failure) => {
          member.failure = failure;
          return null;
        },
        takePlace: (claim) => places.take(claim),
        leavePlace: (place) => {
          places.leave(place);
          return null;
        },
        leaseRows: (request) => this.#rows.lease(worker, request),
        settleRows: (settled) => {
          this.#rows.settle(worker, settled);
          return null;
        },
        reportAlerts: (report) => this.#options.alerts.report(worker, report),
        ddl: (database) => {
          for (const other of this.members()) if (other !== member) other.line.tell('ddl', database);
          return null;
        },
        reload: () => this.#options.reload(),
        allSamples: () => this.#allSamples(),
        allClients: async () => {
          const asked = this.members().map((one) => one.line.ask('clients', null, this.#options.samplesMs));
          return (await Promise.allSettled(asked)).flatMap((one) =>
            one.status === 'fulfilled' ? one.value : [],
          );
        },
      },
    );
    const member: Member = {
      worker,
      process,
      line,
      places,
      since: performance.now(),
      joined: false,
      listening: false,
      failure: undefined,
    };
    this.#members.set(worker, member);
    process.on('message', (message: unknown) => line.received(message));
    process.on('error', () => undefined); // Sending to a process that has just ended.
    process.once('exit', (code, signal) => {
      this.#ended(member, code, signal);
      starting?.ended(member.failure);
    });
  }

  async #allSamples(): Promise<readonly MetricSnapshot[]> {
    await this.collect();
    return this.metrics.snapshot();
  }

  #ended(member: Member, code: number | null, signal: string | null): void {
    const { worker } = member;
    const { logger } = this.#options;
    member.line.close();
    member.places.leaveAll();
    this.#rows.gone(worker);
    this.#options.alerts.gone(worker);
    this.#members.delete(worker);
    this.#count();
    if (this.#closing) return;
    this.metrics.gone(worker);
    if (!member.listening && !this.#hasBegun(worker)) return;
    const steady = member.listening && performance.now() - member.since > STEADY_MS;
    const failures = steady ? 0 : (this.#failures.get(worker) ?? 0);
    this.#failures.set(worker, failures + 1);
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
    logger.error(
      { worker, code, signal, reason: member.failure?.message, pauseMs },
      'a worker has ended, its sessions are lost; another one starts in its place',
    );
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      this.#spawn(worker);
    }, pauseMs);
    this.#pauses.add(pause);
  }

  /** A worker that never listened before is not started again: then pgveil itself does not start. */
  #hasBegun(worker: number): boolean {
    return this.#failures.has(worker);
  }

  #count(): void {
    this.metrics.ready = [...this.#members.values()].filter(({ listening }) => listening).length;
  }
}
