/**
 * A client of the virtual database: what it sends is answered here, in both protocols (PostgreSQL manual, 54.2.2 and
 * 54.2.3), and nothing of it reaches a server. It knows messages; what commands mean stands in run-command.ts.
 */
import { toByteString } from '../../wire/byte-string.js';
import { encodeBackend } from '../../wire/backend-message.js';
import type { FrameSink, Verdict } from '../../wire/framer.js';
import { decodeFrontend, type FrontendMessage } from '../../wire/frontend-message.js';
import type { Bind } from '../../wire/messages/bind.js';
import type { Execute } from '../../wire/messages/execute.js';
import type { Parse } from '../../wire/messages/parse.js';
import type { Hold } from '../hold.js';
import { readCommands, type Statement } from './command.js';
import {
  completeFrame,
  type ConsoleError,
  errorFrame,
  frames,
  noticeFrame,
  readyFrame,
  rowDescriptionFrame,
  rowFrame,
} from './frames.js';
import { Names, type ConsolePortal, type PreparedCommand } from './names.js';
import { columnsOf, CommandRunner, type CommandPorts, type CommandResult } from './run-command.js';
import type { Row } from './tables.js';

export interface ConsoleFrontendPorts extends CommandPorts {
  readonly hold: Hold;
  toClient(buffer: Buffer): void;
  /** What was answered waits for the client to read it: answer no more until then. */
  clientCongested(): boolean;
  terminate(): void;
}

export class ConsoleFrontend implements FrameSink {
  private readonly to: ConsoleFrontendPorts;
  private readonly runner: CommandRunner;
  private readonly statements = new Names<PreparedCommand>('prepared statement');
  private readonly portals = new Names<ConsolePortal>('portal');
  /** An error of the extended protocol came, and no Sync since. */
  private skipping = false;
  /** The message under way: the framer shows it again when its work is done. */
  private work: 'none' | 'under way' | 'done' = 'none';

  constructor(to: ConsoleFrontendPorts) {
    this.to = to;
    this.runner = new CommandRunner(to);
  }

  /** No command is under way. An open transaction holds nothing. */
  get idle(): boolean {
    return this.work === 'none';
  }

  get inTransaction(): boolean {
    return this.runner.transactionStatus !== 'I';
  }

  /** COPY data and the like, which a server ignores outside of COPY too (54.2.6). Nothing is forwarded. */
  bytes(): void {
    return;
  }

  oversized(): readonly Buffer[] {
    return [];
  }

  message(_type: number, frame: Buffer): Verdict {
    if (this.work === 'done') {
      this.work = 'none';
      return 'drop';
    }
    if (this.to.clientCongested()) return 'hold';
    const message = decodeFrontend(frame);
    if (message.kind === 'terminate') {
      this.to.terminate();
      return 'stop';
    }
    if (this.skipping && message.kind !== 'sync') return 'drop';
    const under = this.take(message);
    if (under === undefined) return 'drop';
    this.work = 'under way';
    return this.to.hold.until(under, () => (this.work = 'done'));
  }

  /** A promise when there is something to wait for. */
  private take(message: FrontendMessage): Promise<void> | undefined {
    switch (message.kind) {
      case 'query':
        return this.query(message.sql.toString('utf8'));
      case 'parse':
        return this.parse(message);
      case 'bind':
        this.bind(message);
        return undefined;
      case 'describe':
        this.describe(message.target, message.name);
        return undefined;
      case 'execute':
        return this.execute(message);
      case 'close':
        (message.target === 'portal' ? this.portals : this.statements).remove(message.name);
        this.to.toClient(frames.closeComplete);
        return undefined;
      case 'sync':
        this.skipping = false;
        this.ready();
        return undefined;
      case 'function-call':
        this.error({ sqlstate: '0A000', message: 'the console has no functions' });
        this.ready();
        return undefined;
      case 'password':
        // A server that is not in a log-in does not know the message (SocketBackend in src/backend/tcop/postgres.c).
        this.refuse({ sqlstate: '08P01', message: 'a password message outside of a log-in' });
        return undefined;
      default:
        // Flush: whatever there is to send leaves at the end of each event. CopyDone, CopyFail: as in `bytes`.
        return undefined;
    }
  }

  private async query(text: string): Promise<void> {
    this.statements.remove('');
    const read = readCommands(text);
    if (!read.ok) this.send(await this.runner.misread(text, read.error), undefined);
    else if (read.statements.length === 0) this.to.toClient(frames.emptyQuery);
    else {
      for (const statement of read.statements) {
        const result = await this.runner.run(statement);
        this.send(result, columnsOf(statement.command));
        if (!result.ok) break;
        this.effect(statement);
      }
    }
    this.ready();
  }

  private parse(message: Parse): Promise<void> | undefined {
    const text = message.sql.toString('utf8');
    const read = readCommands(text);
    if (!read.ok) {
      // Not run, and yet an attempt that the audit should know.
      return this.runner.misread(text, read.error).then((result) => {
        if (!result.ok) this.refuse(result.error);
      });
    }
    const [statement, more] = read.statements;
    if (more !== undefined)
      this.refuse({
        sqlstate: '42601',
        message: 'cannot insert multiple commands into a prepared statement',
      });
    else {
      const problem = this.statements.add(message.statement, {
        statement,
        parameterTypes: message.parameterTypes,
      });
      if (problem === undefined) this.to.toClient(frames.parseComplete);
      else this.refuse(problem);
    }
    return undefined;
  }

  private bind(message: Bind): void {
    const prepared = this.statements.get(message.statement);
    if (isError(prepared)) {
      this.refuse(prepared);
      return;
    }
    const columns = (prepared.statement && columnsOf(prepared.statement.command)) ?? [];
    const problem =
      bindProblem(message, prepared, columns.length) ??
      this.portals.add(message.portal, {
        ...prepared,
        formats: message.resultFormats,
        result: undefined,
        sent: 0,
      });
    if (problem === undefined) this.to.toClient(frames.bindComplete);
    else this.refuse(problem);
  }

  private describe(target: 'statement' | 'portal', name: string): void {
    const portal = target === 'portal' ? this.portals.get(name) : undefined;
    const found = portal ?? this.statements.get(name);
    if (isError(found)) {
      this.refuse(found);
      return;
    }
    if (target === 'statement')
      this.to.toClient(
        encodeBackend({ kind: 'parameter-description', parameterTypes: found.parameterTypes }),
      );
    const columns = found.statement && columnsOf(found.statement.command);
    const formats = portal !== undefined && !isError(portal) ? portal.formats : [];
    this.to.toClient(columns === undefined ? frames.noData : rowDescriptionFrame(columns, formats));
  }

  private execute({ portal: name, maxRows }: Execute): Promise<void> | undefined {
    const portal = this.portals.get(name);
    if (isError(portal)) {
      this.refuse(portal);
      return undefined;
    }
    const { statement } = portal;
    if (statement === undefined) {
      this.to.toClient(frames.emptyQuery);
      return undefined;
    }
    if (portal.result !== undefined) {
      // PortalRun in src/backend/tcop/pquery.c: what returned no rows has run once and for all.
      if (portal.result.rows === undefined)
        this.refuse({ sqlstate: '55000', message: 'this portal cannot be run' });
      else this.rows(portal, portal.result.rows, portal.result.tag, maxRows);
      return undefined;
    }
    return this.runner.run(statement).then((result) => {
      if (!result.ok) {
        this.refuse(result.error);
        return;
      }
      portal.result = result;
      if (result.rows === undefined) this.send(result, undefined);
      else this.rows(portal, result.rows, result.tag, maxRows);
      this.effect(statement);
    });
  }

  /** The rows of a portal from where it stands. */
  private rows(portal: ConsolePortal, rows: readonly Row[], tag: string, maxRows: number): void {
    const end = maxRows > 0 ? Math.min(portal.sent + maxRows, rows.length) : rows.length;
    for (const row of rows.slice(portal.sent, end)) this.to.toClient(rowFrame(row));
    portal.sent = end;
    this.to.toClient(end < rows.length ? frames.suspended : completeFrame(tag));
  }

  /** @param columns - of a Query's result, which describes itself */
  private send(result: CommandResult, columns: readonly string[] | undefined): void {
    const toClient = (frame: Buffer): void => this.to.toClient(frame);
    if (!result.ok) {
      toClient(errorFrame(result.error));
      return;
    }
    const { notice } = result;
    if (notice !== undefined) toClient(noticeFrame(notice.severity, notice.sqlstate, notice.message));
    if (columns !== undefined) toClient(rowDescriptionFrame(columns));
    for (const row of result.rows ?? []) toClient(rowFrame(row));
    toClient(completeFrame(result.tag));
  }

  private effect({ command }: Statement): void {
    if (command.kind === 'deallocate')
      this.statements.remove(command.name === undefined ? undefined : toByteString(command.name));
  }

  private ready(): void {
    if (this.runner.transactionStatus === 'I') this.portals.remove(undefined);
    this.to.toClient(readyFrame(this.runner.transactionStatus));
  }

  private error(error: ConsoleError): void {
    this.runner.fail();
    this.to.toClient(errorFrame(error));
  }

  /** In the extended protocol: what follows is ignored until Sync. */
  private refuse(error: ConsoleError): void {
    this.error(error);
    this.skipping = true;
  }
}

function isError(found: object): found is ConsoleError {
  return 'sqlstate' in found;
}

/** The checks of exec_bind_message in src/backend/tcop/postgres.c. */
function bindProblem(
  { parameters, parameterFormats, resultFormats }: Bind,
  { parameterTypes }: PreparedCommand,
  columns: number,
): ConsoleError | undefined {
  const violation = (message: string): ConsoleError => ({ sqlstate: '08P01', message });
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length)
    return violation('as many parameter formats as parameters are needed');
  if (parameters.length !== parameterTypes.length)
    return violation(
      `the message brings ${parameters.length} parameters, the command takes ${parameterTypes.length}`,
    );
  if (resultFormats.length > 1 && resultFormats.length !== columns)
    return violation(`the message brings ${resultFormats.length} result formats for ${columns} columns`);
  if (resultFormats.some((format) => format !== 0 && format !== 1))
    return { sqlstate: '22023', message: 'unsupported format code' };
  return undefined;
}
