/**
 * The past of actors over a restart: a file of JSON lines, written beside itself and renamed, with a digest at its end.
 * A file that is not whole is not used at all: a past that somebody may have made up is worse than none.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import type { SavedVolume } from './judge.js';

const HEAD = '{"format":"pgveil-alert-history/2"}';
/** Lines between two turns of the event loop: statements wait behind none of this. */
const LINES_A_TURN = 20;

const whole = z.number().int();
const line = z.strictObject({
  rule: z.string(),
  windowMs: whole.positive(),
  user: z.string(),
  role: z.string().optional(),
  name: z.string().optional(),
  others: z.literal(true).optional(),
  window: whole,
  count: whole.nonnegative(),
  told: whole.optional(),
  slices: z.array(z.tuple([whole, whole.nonnegative()])).max(100),
  past: z.array(z.tuple([whole, whole.nonnegative()])).max(1_000),
});

export type HistoryRead =
  | { readonly kind: 'read'; readonly saved: readonly SavedVolume[] }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly reason: string };

export async function readHistory(file: string): Promise<HistoryRead> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'damaged', reason: code };
  }
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, end);
  if (text.slice(end) !== `${digestLine(createHash('sha256').update(body).digest('hex'))}\n`)
    return { kind: 'damaged', reason: 'its digest does not fit' };
  const [head, ...lines] = body.trimEnd().split('\n');
  if (head !== HEAD) return { kind: 'damaged', reason: 'it is of another version' };
  try {
    return { kind: 'read', saved: lines.map((one) => savedOf(line.parse(JSON.parse(one)))) };
  } catch {
    return { kind: 'damaged', reason: 'a line of it makes no sense' };
  }
}

/** Reads `saved` a few at a time, while its judge goes on. */
export async function writeHistory(file: string, saved: Iterable<SavedVolume>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    const hash = createHash('sha256');
    let waiting = `${HEAD}\n`;
    let lines = 0;
    const flush = async (): Promise<void> => {
      hash.update(waiting);
      await handle.writeFile(waiting);
      waiting = '';
    };
    for (const one of saved) {
      waiting += `${JSON.stringify(lineOf(one))}\n`;
      lines += 1;
      if (lines % LINES_A_TURN !== 0) continue;
      await flush();
      await nextTurn();
    }
    await flush();
    await handle.writeFile(`${digestLine(hash.digest('hex'))}\n`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

function digestLine(digest: string): string {
  return JSON.stringify({ sha256: digest });
}

function lineOf({ actor, ...rest }: SavedVolume): z.input<typeof line> {
  const { user, role, name, others } = actor;
  return {
    ...rest,
    slices: rest.slices.map(([slice, count]) => [slice, count]),
    past: rest.past.map(([window, count]) => [window, count]),
    user,
    role,
    name,
    ...(others === true ? { others } : {}),
  };
}

function savedOf({ user, role, name, others, ...rest }: z.output<typeof line>): SavedVolume {
  return { ...rest, actor: { user, role, name, ...(others === undefined ? {} : { others }) } };
}
