/** Runs the demo from its first line to its last: starts the servers, tells the story, follows the events, cleans up. */
import { collectClaims, type Claims } from './claims.js';
import { eventLine } from './event-line.js';
import { followEvents, type EventFeed } from './events.js';
import { databaseName, people, urlOf } from './sample-database.js';
import { startDemoServers, type DemoServers } from './servers.js';
import { WIDTH } from './side-by-side.js';
import { tellStory } from './story.js';
import { EXIT, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { packageVersion } from '../version.js';

export async function runDemo(io: Io, once: boolean): Promise<ExitCode> {
  const interrupted = untilInterrupted();
  const started = Date.now();
  const servers = await startDemoServers({
    progress: (what) => {
      io.err(`${io.errColours.dim(`… ${what}`)}\n`);
    },
    environment: process.env,
  });
  const feed = followEvents(servers.redis.url, servers.stream);
  const claims = collectClaims();
  try {
    introduce(io, servers);
    const say = (text: string): void => {
      io.out(`${text}\n\n`);
    };
    const story = tellStory({ port: servers.app.ports.proxy, colours: io.colours, claims, say });
    // Ctrl-C in the middle of the story ends it; its connections break, and nobody wants to read of that.
    story.catch(() => undefined);
    if ((await Promise.race([story, interrupted])) === 'interrupted') return EXIT.fine;
    await showEvents(io, feed, claims);
    const code = conclude(io, claims, Date.now() - started);
    if (once) return code;
    showConnections(io, servers);
    feed.follow((line) => {
      io.out(`   ${line}\n`);
    }, io.colours);
    await interrupted;
    io.err('\n');
    return code;
  } finally {
    io.err(`${io.errColours.dim('… stopping and removing everything')}\n`);
    await feed.close();
    await servers.stop();
  }
}

function introduce(io: Io, servers: DemoServers): void {
  const { bold } = io.colours;
  const lines = [
    [
      `pgveil ${packageVersion()}`,
      `127.0.0.1:${servers.app.ports.proxy}`,
      'the proxy, under the policy in policies/',
    ],
    [
      `PostgreSQL ${servers.postgres.version}`,
      `127.0.0.1:${servers.postgres.port}`,
      'a sample CRM; nothing in it knows of pgveil',
    ],
    ['Redis', `127.0.0.1:${servers.redis.port}`, `the audit events, stream ${servers.stream}`],
    ['metrics', `http://127.0.0.1:${servers.app.ports.admin}/metrics`, ''],
  ];
  io.out(
    `\n${lines.map(([name, at, what]) => `${bold(name!.padEnd(18))}${at!.padEnd(18)}  ${what}`.trimEnd()).join('\n')}\n\n`,
  );
}

async function showEvents(io: Io, feed: EventFeed, claims: Claims): Promise<void> {
  // The refusal was the story's last statement, so once it is here all the others are too.
  const refused = await feed.waitFor((event) => event.action_id === 2, 10_000);
  claims.claim('the refusal is an event in the Redis stream', refused?.unmapped.role === 'support');
  const governed = feed.statements.filter((event) => event.unmapped.role !== null);
  claims.claim(
    'every statement of support and marketing is an event in the Redis stream',
    governed.length === 7 && governed.every((event) => event.unmapped.purpose !== null),
  );
  claims.claim(
    'the events say how many rows were returned',
    governed.map((event) => event.unmapped.rows).join() === '5,2,2,2,2,1,0',
  );
  claims.claim('no event holds a value of a row', !JSON.stringify(feed.statements).includes('canary'));
  const title = `5  Each of these statements is an event in the Redis stream, without values and literals`;
  io.out(`${io.colours.bold(io.colours.cyan(title))}\n`);
  for (const event of feed.statements) io.out(`   ${eventLine(event, io.colours, WIDTH - 3)}\n`);
  io.out('\n');
}

function conclude(io: Io, claims: Claims, elapsedMs: number): ExitCode {
  if (claims.broken.length === 0) {
    io.out(
      `${io.colours.green('✓')} ${claims.total} claims checked, all true, ${(elapsedMs / 1000).toFixed(1)} s\n`,
    );
    return EXIT.fine;
  }
  for (const claim of claims.broken) io.out(`${io.colours.red('✗')} not true: ${claim}\n`);
  io.out(`${claims.broken.length} of ${claims.total} claims were not true: please report this\n`);
  return EXIT.findings;
}

function showConnections(io: Io, servers: DemoServers): void {
  const { bold, cyan, dim } = io.colours;
  const lines = Object.values(people).map(
    (person) =>
      `   psql "${urlOf(person, servers.app.ports.proxy, databaseName)}"`.padEnd(76) + dim(person.title),
  );
  io.out(`\n${bold(cyan('Your turn'))}\n${lines.join('\n')}\n`);
  io.out(dim(`   config: ${servers.configFile}; edit policies/crm.yaml and save, it is in force at once\n`));
  io.out(`\n${bold(cyan('Audit events as they come'))} ${dim('(Ctrl-C stops everything and removes it)')}\n`);
}

/**
 * Ctrl-C, or a polite request to end. The handlers stay: npm passes a Ctrl-C on that the terminal has sent already, and
 * that second one must not cut the cleaning up short. One that comes later is meant, and ends at once.
 */
function untilInterrupted(): Promise<'interrupted'> {
  let first: number | undefined;
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (first !== undefined && Date.now() - first > 2_000) process.exit(130);
        first ??= Date.now();
        resolve('interrupted');
      });
    }
  });
}
