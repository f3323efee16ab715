/**
 * What stands in each direction of a session that takes statements, in its order: the share of the process, the limit on
 * what is under way, the frontend; and back the share, the form of answers, the row limiter, the backend. It ties them
 * together and does nothing itself.
 */
import { fromByteString } from '../wire/byte-string.js';
import type { Framer, FrameSink } from '../wire/framer.js';
import { backendTypes } from '../wire/message-types.js';
import { Backend } from './backend.js';
import { FairShare } from './fair-share.js';
import type { MessageFlowPorts } from './flow-ports.js';
import type { FrontendPorts } from './frontend-ports.js';
import type { Hold } from './hold.js';
import { RowLimiter } from './row-limiter.js';
import type { SessionState } from './session-state.js';
import type { RunLedger } from './statement-run.js';
import { StrictAnswers } from './strict-answers.js';
import { UnderWayLimit } from './under-way-limit.js';

export interface StatementSinksOptions {
  readonly flow: MessageFlowPorts;
  readonly state: SessionState;
  readonly ledger: RunLedger;
  /** Of what the server sends. */
  readonly framer: Framer;
  readonly clientHold: Hold;
  readonly upstreamHold: Hold;
  frontend(to: FrontendPorts): FrameSink;
  /** A statement that changes the structure has completed. */
  ddl(): void;
  /** The server has reported the client's application_name. */
  renamed(applicationName: string): void;
}

export interface StatementSinks {
  readonly fromClient: FrameSink;
  readonly fromUpstream: FrameSink;
  readonly limiter: RowLimiter;
  /** The session ends, perhaps in the middle of a result. */
  interrupted(): void;
}

export function statementSinks(options: StatementSinksOptions): StatementSinks {
  const { flow, state, ledger, framer, clientHold, upstreamHold } = options;
  const { ports, tables, reports } = flow;
  const governed = !flow.rule.exempt;
  // The probe's row is not a statement's.
  framer.takeCount(backendTypes['data-row']);
  framer.useTable(governed ? tables.governedBackend : tables.exemptBackend);
  const backend = new Backend({
    governed,
    state,
    ledger,
    hold: upstreamHold,
    framer,
    forward: (buffer) => flow.toClient.add(buffer),
    guardTripped: (field) => {
      reports.guardTripped(field);
      flow.fatal('guard-trip', 'the result was withheld because it would have shown a protected column');
    },
    unsafe: (what) => {
      reports.leftSettings(what);
      flow.fatal(
        'client-encoding-not-utf8',
        `the setting "${what}" of a governed session was changed on the server`,
      );
    },
    parameterChanged: (name, value) => {
      if (name === 'application_name') options.renamed(fromByteString(value));
      if (governed && name === 'search_path') reports.searchPathReported(value, state.settings.current.path);
    },
    serverEnded: () => flow.serverEnded(),
    ddl: () => options.ddl(),
  });
  let metered = false;
  let watched = false;
  const useTable = (): void => {
    const plain = watched ? tables.watchedBackend : tables.governedBackend;
    framer.useTable(metered ? (watched ? tables.meteredWatchedBackend : tables.meteredBackend) : plain);
  };
  ledger.watch = (on) => {
    watched = on;
    useTable();
  };
  const limiter = new RowLimiter({
    inner: backend,
    state,
    windows: flow.rowWindows,
    hold: upstreamHold,
    toUpstream: (buffer) => flow.toUpstream.add(buffer),
    meterRows: (on) => {
      metered = on;
      useTable();
    },
  });
  const answers = governed ? new StrictAnswers(limiter, state) : backend;
  const requests = options.frontend({
    limiter,
    ports,
    state,
    ledger,
    hold: clientHold,
    wantFlush: () => flow.wantFlush(),
    terminate: () => flow.terminate(),
    forward: (buffer) => flow.toUpstream.add(buffer),
  });
  const limited = new UnderWayLimit({ inner: requests, state, wantFlush: () => flow.wantFlush() });
  return {
    fromClient: new FairShare(limited, clientHold),
    fromUpstream: new FairShare(answers, upstreamHold),
    limiter,
    interrupted: () => backend.interrupted(),
  };
}
