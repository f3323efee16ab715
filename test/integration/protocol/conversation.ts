/** Runs one script of raw messages against a server or a proxy, and keeps all that came back. */
import type { BackendMessage } from '../../../src/wire/backend-message.js';
import { encodeFrontend, type FrontendMessage } from '../../../src/wire/frontend-message.js';
import { errorField } from '../../../src/wire/messages/error-response.js';
import * as s from '../session/support.js';

export type Step = FrontendMessage | Buffer;

/** How the bytes of a script are cut into writes. */
export type Cut = 'whole' | 'messages' | 'pieces';

export interface Outcome {
  readonly bytes: Buffer;
  readonly messages: readonly BackendMessage[];
  readonly processId: number;
}

const END = 'the end of the script';
/** Brings a session from any state to one where it answers a Query, and asks for that answer. */
const ending: readonly FrontendMessage[] = [
  { kind: 'copy-fail', reason: 'the script has ended' },
  s.sync,
  s.query('ROLLBACK'),
  s.query(`SELECT '${END}'`),
];

const PATIENCE_MS = 8_000;

export function describeStep(step: Step): string {
  if (Buffer.isBuffer(step)) return `raw ${step.toString('latin1')}`;
  const text = JSON.stringify(step, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && (value as { type?: string }).type === 'Buffer'
      ? Buffer.from((value as unknown as { data: number[] }).data).toString('latin1')
      : value,
  );
  return text;
}

/** Logs in, sends the script and the ending, and reads until the ending is answered or the connection ends. */
export async function converse(
  at: { readonly host: string; readonly port: number },
  parameters: Readonly<Record<string, string>>,
  password: string,
  script: readonly Step[],
  cut: Cut,
): Promise<Outcome> {
  const client = await s.RawClient.login(at, parameters, password, { keep: true });
  const key = client.messages.find((message) => message.kind === 'backend-key-data');
  client.messages.length = 0;
  client.received = Buffer.alloc(0);
  const parts = [...script, ...ending].map((step) => (Buffer.isBuffer(step) ? step : encodeFrontend(step)));
  const done = untilEnd(client);
  for (const write of cutInto(parts, cut)) {
    if (client.closed) break;
    client.socket.write(write);
    if (cut !== 'whole') await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  client.close();
  return {
    bytes: client.received,
    messages: client.messages,
    processId: key?.kind === 'backend-key-data' ? key.processId : 0,
  };
}

function cutInto(parts: readonly Buffer[], cut: Cut): readonly Buffer[] {
  if (cut === 'messages') return parts;
  const all = Buffer.concat(parts);
  if (cut === 'whole') return [all];
  const pieces: Buffer[] = [];
  for (let at = 0; at < all.length; at += 7) pieces.push(all.subarray(at, at + 7));
  return pieces;
}

async function untilEnd(client: s.RawClient): Promise<void> {
  const ended = (): boolean => {
    const last = client.messages.at(-1);
    const row = client.messages.at(-3);
    return last?.kind === 'ready-for-query' && row?.kind === 'data-row' && row.values[0]?.toString() === END;
  };
  const start = Date.now();
  while (!client.closed && !ended()) {
    if (Date.now() - start > PATIENCE_MS)
      throw new Error(`no answer any more after:\n${shape(client.messages).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Messages in words: all of them but notices, errors by severity and SQLSTATE alone. */
export function shape(messages: readonly BackendMessage[]): string[] {
  return messages.flatMap((message) => {
    if (message.kind === 'notice-response' || message.kind === 'notification-response') return [];
    if (message.kind === 'error-response')
      return [`error ${errorField(message, 'V') ?? ''} ${errorField(message, 'C') ?? ''}`];
    return [describeStep(message as unknown as FrontendMessage)];
  });
}
