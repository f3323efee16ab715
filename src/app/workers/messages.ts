/** What the primary and its workers say to each other. Plain data: it crosses the border between processes. */
import type { Origins } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import type { Lease, LeaseRequest, RowsSettled } from '../../guard/leased-rows.js';
import type { CheckResult } from '../../observe/admin.js';
import type { MetricSnapshot } from '../../observe/aggregate.js';
import type { LogLevel } from '../../observe/log.js';
import type { PolicyProblem } from '../../policy/types.js';
import type { ClientFacts } from '../../session/console/source.js';
import type { AlertOrders, AlertReport } from '../alert-office.js';
import type { PreparedReload } from '../reload.js';
import type { PlaceClaim, PlaceRefusal } from '../../session/places.js';

interface Call<Ask, Answer = null> {
  readonly ask: Ask;
  readonly answer: Answer;
}

export interface WorkerStart {
  readonly config: Config;
  readonly origins: Origins | undefined;
  readonly version: string;
  readonly logLevel: LogLevel;
  /** From 1 on. */
  readonly worker: number;
  readonly workers: number;
}

export interface WorkerFailure {
  /** Of the policies; undefined: something else, which `message` tells. */
  readonly problems: readonly PolicyProblem[] | undefined;
  readonly message: string;
}

/** What a worker is asked. */
export type ToWorker = Readonly<{
  prepareReload: Call<null, Pick<PreparedReload, 'problems' | 'version'>>;
  /** Gives the version in force. */
  commitReload: Call<null, string>;
  keepPolicies: Call<readonly PolicyProblem[]>;
  samples: Call<null, readonly MetricSnapshot[]>;
  clients: Call<null, readonly ClientFacts[]>;
  checks: Call<null, Readonly<Record<string, CheckResult>>>;
  ddl: Call<string>;
  /** No answer: the worker exits. */
  drain: Call<number>;
}>;

/** What the primary is asked. */
export type ToPrimary = Readonly<{
  /** The worker's program runs. What is sent to it before is lost (Node 20, cluster). */
  hello: Call<null, WorkerStart>;
  /** Everything is loaded: may connections come? No: another process starts in its place. */
  join: Call<{ readonly policyVersion: string; readonly checks: readonly string[] }, boolean>;
  listening: Call<{ readonly host: string; readonly port: number }>;
  failed: Call<WorkerFailure>;
  takePlace: Call<PlaceClaim, { readonly place: number } | { readonly code: PlaceRefusal }>;
  leavePlace: Call<number>;
  leaseRows: Call<LeaseRequest, Lease>;
  settleRows: Call<RowsSettled>;
  /** What statements were counted as; gives the alerts to write. */
  reportAlerts: Call<AlertReport, AlertOrders>;
  ddl: Call<string>;
  reload: Call<null, readonly PolicyProblem[]>;
  allSamples: Call<null, readonly MetricSnapshot[]>;
  allClients: Call<null, readonly ClientFacts[]>;
}>;
