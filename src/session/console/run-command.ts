/**
 * Runs the console's commands one by one, each between its audit intent and its outcome, inside the transaction that
 * drivers believe in. It knows facts and rows, no messages and no names of prepared statements.
 */
import type { TransactionStatus } from '../../wire/messages/ready-for-query.js';
import type { RunLedger, TextFacts } from '../statement-run.js';
import type { Command, Misread, Statement } from './command.js';
import type { ConsoleError } from './frames.js';
import type { ConsoleSource } from './source.js';
import { type Row, tables } from './tables.js';

export type CommandResult =
  | {
      readonly ok: true;
      /** Undefined: the command returns none. */
      readonly rows: readonly Row[] | undefined;
      readonly tag: string;
      readonly notice?: Notice;
    }
  | { readonly ok: false; readonly error: ConsoleError };

export interface Notice {
  readonly severity: 'NOTICE' | 'WARNING';
  readonly sqlstate: string;
  readonly message: string;
}

export interface CommandPorts {
  readonly source: ConsoleSource;
  readonly ledger: RunLedger;
  readonly describe: (text: string) => TextFacts;
  /** An error that is no problem of the files: for the log. */
  readonly failed: (error: unknown) => void;
}

/** How many problems of a RELOAD an answer names; the log has all. */
const SHOWN_PROBLEMS = 10;

/** The names of a command's columns; undefined: it returns no rows. */
export function columnsOf(command: Command): readonly string[] | undefined {
  switch (command.kind) {
    case 'show':
      return tables[command.topic].columns;
    case 'setting':
      return [command.name];
    case 'constant':
      return [command.column];
    case 'types':
      return [];
    default:
      return undefined;
  }
}

export class CommandRunner {
  transactionStatus: TransactionStatus = 'I';
  private readonly to: CommandPorts;

  constructor(to: CommandPorts) {
    this.to = to;
  }

  /** An error outside a command has the same consequence as one in it. */
  fail(): void {
    if (this.transactionStatus === 'T') this.transactionStatus = 'E';
  }

  /** Never rejects. */
  async run({ command, source }: Statement): Promise<CommandResult> {
    const run = this.begin(source, auditName(command));
    // As for any exempt session: who must look at a full disk is not kept out by it.
    await run.ticket.ready?.catch(() => undefined);
    const result = await this.answer(command);
    if (!result.ok) this.fail();
    else run.rows = result.rows?.length ?? 0;
    const { ledger } = this.to;
    await ledger
      .finish(run, result.ok ? 'success' : 'failure', result.ok ? undefined : result.error.sqlstate)
      ?.catch(() => undefined);
    return result;
  }

  /** A text that could not be read is an event too. */
  async misread(source: string, error: Misread): Promise<CommandResult> {
    const run = this.begin(source, 'UNKNOWN');
    await run.ticket.ready?.catch(() => undefined);
    this.fail();
    await this.to.ledger.finish(run, 'failure', error.sqlstate)?.catch(() => undefined);
    return { ok: false, error };
  }

  private begin(source: string, command: string): ReturnType<RunLedger['begin']> {
    const { ledger, describe } = this.to;
    return ledger.begin({
      text: describe(source),
      command,
      decision: 'forward',
      facts: undefined,
      source: undefined,
    });
  }

  private async answer(command: Command): Promise<CommandResult> {
    if (this.transactionStatus === 'E' && command.kind !== 'commit' && command.kind !== 'rollback')
      return {
        ok: false,
        error: {
          sqlstate: '25P02',
          message: 'current transaction is aborted, commands ignored until end of transaction block',
        },
      };
    try {
      return await this.work(command);
    } catch (error) {
      this.to.failed(error);
      return {
        ok: false,
        error: { sqlstate: 'XX000', message: 'the command failed', hint: 'the log of pgveil says why' },
      };
    }
  }

  private async work(command: Command): Promise<CommandResult> {
    switch (command.kind) {
      case 'show':
        return { ok: true, rows: await tables[command.topic].rows(this.to.source), tag: 'SHOW' };
      case 'setting':
        return { ok: true, rows: [[command.value]], tag: 'SHOW' };
      case 'constant':
        return { ok: true, rows: [[command.value]], tag: 'SELECT 1' };
      case 'types':
        return { ok: true, rows: [], tag: 'SELECT 0' };
      case 'reload':
        return await this.reload();
      case 'begin':
      case 'commit':
      case 'rollback':
        return this.transaction(command);
      case 'nothing':
      case 'deallocate':
        return { ok: true, rows: undefined, tag: command.tag };
    }
  }

  private async reload(): Promise<CommandResult> {
    const { policy, version, problems } = await this.to.source.reload();
    const inForce = `policy "${policy}" version ${version}`;
    if (problems.length === 0) {
      const message = `pgveil: ${inForce} is in force`;
      return {
        ok: true,
        rows: undefined,
        tag: 'RELOAD',
        notice: { severity: 'NOTICE', sqlstate: '00000', message },
      };
    }
    const more = problems.length > SHOWN_PROBLEMS ? [`and ${problems.length - SHOWN_PROBLEMS} more`] : [];
    return {
      ok: false,
      error: {
        // config_file_error
        sqlstate: 'F0000',
        message: `nothing was replaced, ${inForce} stays in force`,
        detail: [...problems.slice(0, SHOWN_PROBLEMS), ...more].join('\n'),
        hint: 'correct the files and RELOAD; pgveil check tells all problems',
      },
    };
  }

  /** With the warnings of src/backend/access/transam/xact.c, so that drivers read the status that they expect. */
  private transaction(command: Extract<Command, { kind: 'begin' | 'commit' | 'rollback' }>): CommandResult {
    const status = this.transactionStatus;
    const done = { ok: true, rows: undefined, tag: command.tag } as const;
    if (command.kind === 'begin') {
      this.transactionStatus = 'T';
      const message = 'there is already a transaction in progress';
      return status === 'I' ? done : { ...done, notice: { severity: 'WARNING', sqlstate: '25001', message } };
    }
    this.transactionStatus = 'I';
    const message = 'there is no transaction in progress';
    if (status === 'I') return { ...done, notice: { severity: 'WARNING', sqlstate: '25P01', message } };
    return status === 'E' ? { ...done, tag: 'ROLLBACK' } : done;
  }
}

function auditName(command: Command): string {
  switch (command.kind) {
    case 'show':
      return `SHOW ${command.topic.toUpperCase()}`;
    case 'setting':
      return 'SHOW';
    case 'constant':
    case 'types':
      return 'SELECT';
    case 'reload':
      return 'RELOAD';
    default:
      return command.tag;
  }
}
