/** One governed connection of the soak: sends a script and gives every byte that came back, as text that can be compared. */
import {
  bind,
  describeStatement,
  execute,
  parse,
  query,
  RawClient,
  sync,
} from '../integration/session/support.js';
import type { FrontendMessage } from '../../src/wire/frontend-message.js';
import type { Script, Step } from './scripts.js';

export class Conversation {
  private readonly client: RawClient;

  private constructor(client: RawClient) {
    this.client = client;
  }

  static async open(
    at: { readonly host: string; readonly port: number },
    login: { readonly user: string; readonly database: string; readonly password: string },
  ): Promise<Conversation> {
    const { user, database, password } = login;
    return new Conversation(await RawClient.login(at, { user, database }, password));
  }

  /** The messages of each step, a line each: type, then the body in hexadecimal. */
  async run(script: Script): Promise<string> {
    const lines: string[] = [];
    if (script.transaction) await this.exchange([query('BEGIN')]);
    for (const step of script.steps)
      lines.push(...frames(await this.exchange(messages(step)), script.ordered));
    if (script.transaction) await this.exchange([query('ROLLBACK')]);
    return lines.join('\n');
  }

  close(): void {
    this.client.close();
  }

  private async exchange(send: readonly FrontendMessage[]): Promise<Buffer> {
    this.client.messages.length = 0;
    this.client.received = Buffer.alloc(0);
    this.client.send(...send);
    await this.client.until('ready-for-query');
    return this.client.received;
  }
}

function messages(step: Step): readonly FrontendMessage[] {
  if (step.kind === 'simple') return [query(step.sql)];
  const bound = bind();
  return [
    parse(step.sql),
    describeStatement(),
    {
      ...bound,
      parameters: step.parameters.map((text) => Buffer.from(text)),
      resultFormats: step.binary ? [1] : [],
    } as FrontendMessage,
    ...(step.maxRows === 0 ? [] : [execute('', step.maxRows)]),
    execute(),
    sync,
  ];
}

/** Rows without an order are compared as a set. */
function frames(received: Buffer, ordered: boolean): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < received.length;) {
    const end = at + 1 + received.readInt32BE(at + 1);
    lines.push(`${String.fromCharCode(received[at]!)} ${received.subarray(at + 5, end).toString('hex')}`);
    at = end;
  }
  if (ordered) return lines;
  const isRow = (line: string): boolean => line.startsWith('D') || line.startsWith('d');
  return [...lines.filter((line) => !isRow(line)), ...lines.filter(isRow).sort()];
}

/** A transcript as people read it. */
export function readable(transcript: string): string {
  return transcript
    .split('\n')
    .map(
      (line) =>
        `${line[0] ?? ''} ${Buffer.from(line.slice(2), 'hex')
          .toString('utf8')
          .replace(/[^\x20-\x7e]+/g, ' ')}`,
    )
    .join('\n');
}
