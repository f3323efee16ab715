/** A client that sees each message of an answer, for what drivers hide: rows before an error, CopyDone, status. */
import { errorField } from '../../../src/wire/messages/error-response.js';
import type { BackendMessage } from '../../../src/wire/backend-message.js';
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import {
  bind,
  copyData,
  copyDone,
  describeStatement,
  execute,
  parse,
  query,
  RawClient as WireClient,
  sync,
} from '../session/support.js';

export interface Answer {
  rows: number;
  copied: number;
  copyDone: boolean;
  suspended: number;
  empty: number;
  tags: string[];
  errors: {
    code: string | undefined;
    message: string | undefined;
    detail: string | undefined;
    hint: string | undefined;
    position: string | undefined;
  }[];
  notices: string[];
  kinds: string[];
  status: string;
}

export class RawClient {
  private readonly wire: WireClient;
  private queue: FrontendMessage[] = [];

  private constructor(wire: WireClient) {
    this.wire = wire;
  }

  static async connect(
    port: number,
    who: { user: string; database: string; password: string; options?: string },
  ): Promise<RawClient> {
    const { password, ...parameters } = who;
    return new RawClient(await WireClient.login({ host: '127.0.0.1', port }, parameters, password));
  }

  query(sql: string): Promise<Answer> {
    this.wire.send(query(sql));
    return this.answer();
  }

  /** Parse, Bind, Describe, Execute, sent with what was gathered before when `sync` is said. */
  extended(sql: string, how: { sync: boolean }): this {
    this.queue.push(parse(sql), describeStatement(), bind(), execute());
    return how.sync ? this.sync() : this;
  }

  parseBind(sql: string, portal: string): this {
    this.queue.push(parse(sql), bind('', portal));
    return this;
  }

  execute(portal: string, maxRows: number): this {
    this.queue.push(execute(portal, maxRows));
    return this;
  }

  sync(): this {
    this.wire.send(...this.queue, sync);
    this.queue = [];
    return this;
  }

  async copyIn(sql: string, parts: readonly string[]): Promise<Answer> {
    this.wire.send(query(sql));
    await this.wire.until('copy-in-response');
    this.wire.send(...parts.map(copyData), copyDone);
    return this.answer();
  }

  /** Up to the next ReadyForQuery. */
  async answer(): Promise<Answer> {
    await this.wire.until('ready-for-query');
    const { messages } = this.wire;
    const end = messages.findIndex((message) => message.kind === 'ready-for-query') + 1;
    return summary(messages.splice(0, end));
  }

  end(): void {
    this.wire.close();
  }
}

function summary(messages: readonly BackendMessage[]): Answer {
  const answer: Answer = {
    rows: 0,
    copied: 0,
    copyDone: false,
    suspended: 0,
    empty: 0,
    tags: [],
    errors: [],
    notices: [],
    kinds: [],
    status: '',
  };
  for (const message of messages) {
    answer.kinds.push(message.kind);
    if (message.kind === 'data-row') answer.rows++;
    else if (message.kind === 'copy-data') answer.copied++;
    else if (message.kind === 'copy-done') answer.copyDone = true;
    else if (message.kind === 'portal-suspended') answer.suspended++;
    else if (message.kind === 'empty-query-response') answer.empty++;
    else if (message.kind === 'command-complete') answer.tags.push(message.tag);
    else if (message.kind === 'ready-for-query') answer.status = message.status;
    else if (message.kind === 'notice-response') answer.notices.push(JSON.stringify(message.fields));
    else if (message.kind === 'error-response') {
      answer.errors.push({
        code: errorField(message, 'C'),
        message: errorField(message, 'M'),
        detail: errorField(message, 'D'),
        hint: errorField(message, 'H'),
        position: errorField(message, 'P'),
      });
    }
  }
  return answer;
}
