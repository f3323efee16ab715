/**
 * What the proxy asks the server of a governed session before its client may: the settings that planning needs, and
 * whether a pooler stands in between. It knows no sockets.
 */
import { parseSearchPath } from '../enforce/search-path.js';
import type { SearchPath } from '../resolve/types.js';
import { fromByteString } from '../wire/byte-string.js';
import { openFrame } from '../wire/codec.js';
import type { FrameSink, Verdict } from '../wire/framer.js';
import { encodeFrontend } from '../wire/frontend-message.js';
import { backendTypes } from '../wire/message-types.js';
import { dataRow } from '../wire/messages/data-row.js';
import { requireWellFormed } from '../wire/well-formed.js';
import type { Pooler } from './ports.js';

const server = backendTypes;

/** What planning needs to know of a session's settings. */
export interface ProbeResult {
  readonly searchPath: SearchPath;
  /** As the server itself tells it. */
  readonly backendPid: number;
}

/**
 * Own statements, qualified so that no earlier schema can answer for them. standard_conforming_strings is pinned
 * because the lexer reads backslashes as it says. A pooler in transaction mode may have lent a server session whose
 * search_path somebody else has set; what the log-in has is its reset value.
 */
export function probeFrame(pooler: Pooler): Buffer {
  const path =
    pooler === 'transaction'
      ? "(SELECT s.reset_val FROM pg_catalog.pg_settings AS s WHERE s.name OPERATOR(pg_catalog.=) 'search_path')"
      : "pg_catalog.current_setting('search_path')";
  return encodeFrontend({
    kind: 'query',
    sql: Buffer.from(
      'SET standard_conforming_strings = on; ' +
        `SELECT ${path}, pg_catalog.current_setting('client_encoding'), ` +
        "pg_catalog.current_setting('standard_conforming_strings'), SESSION_USER, pg_catalog.pg_backend_pid()",
    ),
  });
}

/** Reads the probe's answer; the client sees nothing of it but the ReadyForQuery at its end. */
export class ProbeBackend implements FrameSink {
  private readonly forward: (buffer: Buffer) => void;
  private readonly done: (result: ProbeResult | string) => Verdict;
  private row: readonly (string | undefined)[] | undefined;

  /** `done` gets the reason in words when the session's settings cannot be worked with. */
  constructor(forward: (buffer: Buffer) => void, done: (result: ProbeResult | string) => Verdict) {
    this.forward = forward;
    this.done = done;
  }

  bytes(buffer: Buffer): void {
    this.forward(buffer);
  }

  oversized(): readonly Buffer[] {
    return [];
  }

  message(messageType: number, frame: Buffer): Verdict {
    requireWellFormed(frame);
    if (messageType === server['parameter-status']) return 'pass';
    if (messageType === server['data-row']) {
      const { values } = dataRow.decode(openFrame(frame, 'data-row'));
      this.row = values.map((value) =>
        value === null ? undefined : fromByteString(value.toString('latin1')),
      );
    }
    if (messageType === server['error-response'])
      return this.done('the settings of the session could not be read');
    if (messageType !== server['ready-for-query']) return 'drop';
    return this.done(readProbe(this.row));
  }
}

function readProbe(row: readonly (string | undefined)[] | undefined): ProbeResult | string {
  const [path, encoding, strings, user, pid] = row ?? [];
  if (path === undefined || user === undefined || pid === undefined)
    return 'the settings of the session could not be read';
  if (encoding !== 'UTF8') return 'the client encoding of the session is not UTF8';
  if (strings !== 'on') return 'standard_conforming_strings could not be set';
  const searchPath = parseSearchPath(path, user);
  return searchPath === undefined
    ? 'the search_path of the session could not be read'
    : { searchPath, backendPid: Number(pid) };
}
