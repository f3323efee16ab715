/**
 * What the demo shows and claims, in order. It talks to the proxy like any client, over real connections,
 * and knows nothing of how the servers were started.
 */
import type pg from 'pg';
import type { Colours } from '../io.js';
import {
  connectDatabase,
  queryText,
  serverErrorOf,
  type QueryAnswer,
  type ServerError,
} from '../database.js';
import { reasonOf } from '../exit.js';
import type { Claims } from './claims.js';
import { databaseName, people, urlOf, type Person } from './sample-database.js';
import { sideBySide } from './side-by-side.js';

export interface Stage {
  readonly port: number;
  readonly colours: Colours;
  readonly claims: Claims;
  /** Prints one paragraph. */
  say(text: string): void;
}

type Clients = Readonly<Record<Person, pg.Client>>;
type Answer = QueryAnswer | { readonly error: string; readonly server: ServerError | undefined };

const order = ['admin', 'support', 'marketing'] as const satisfies readonly Person[];

export async function tellStory(stage: Stage): Promise<void> {
  const clients = await connectAll(stage.port);
  try {
    await threeViews(stage, clients);
    await aggregate(stage, clients);
    await withdrawal(stage, clients);
    await refusal(stage, clients);
  } finally {
    await Promise.allSettled(Object.values(clients).map((client) => client.end()));
  }
}

const LIST = 'SELECT id, last_name, email, phone FROM customers ORDER BY id';

async function threeViews(stage: Stage, clients: Clients): Promise<void> {
  heading(stage, 1, 'One statement, three log-ins, one unchanged database', LIST);
  const [admin, support, marketing] = await show(stage, clients, LIST, 'id');
  const { claims } = stage;
  claims.claim('the DBA sees all six customers', ids(admin) === '1,2,3,4,5,6');
  claims.claim('the DBA sees clear e-mail addresses', cell(admin, '1', 2) === 'ada.canary1@example.com');
  claims.claim(
    'support does not see the customer whose processing is restricted',
    ids(support) === '1,2,3,4,6',
  );
  claims.claim('support sees no clear e-mail address', noCanary(support));
  claims.claim(
    'support still sees the address’s domain',
    cell(support, '1', 2)?.endsWith('@example.com') === true,
  );
  claims.claim(
    'support sees the last digits of the phone number',
    cell(support, '1', 3)?.endsWith('0001') === true,
  );
  claims.claim('marketing sees only those who consented', ids(marketing) === '1,3');
  claims.claim('marketing sees no clear e-mail address', noCanary(marketing));
  stage.say(
    'Support works under a contract: it sees everyone but customer 5, who asked for erasure, and\n' +
      'contact data in part. Marketing needs consent: 2 withdrew it, 4 never gave it, 6 let it expire.\n' +
      'For marketing they do not exist.',
  );
}

const COUNT = 'SELECT region, count(*) FROM customers GROUP BY region ORDER BY region';

async function aggregate(stage: Stage, clients: Clients): Promise<void> {
  heading(stage, 2, 'Counts, joins and conditions see the same filtered world', COUNT);
  const [admin, support, marketing] = await show(stage, clients, COUNT, 'region');
  stage.claims.claim('the DBA counts everyone', rowsText(admin) === 'EU,4;US,2');
  stage.claims.claim('support counts no restricted customer', rowsText(support) === 'EU,3;US,2');
  stage.claims.claim('marketing counts only those who consented', rowsText(marketing) === 'EU,1;US,1');
}

const WITHDRAW =
  "INSERT INTO consents (customer_id, purpose, status) VALUES (1, 'marketing_email', 'withdrawn')";

async function withdrawal(stage: Stage, clients: Clients): Promise<void> {
  heading(
    stage,
    3,
    'Customer 1 withdraws consent; the next statement misses her',
    `crm_admin: ${WITHDRAW.replace(' VALUES', '\n              VALUES')}`,
  );
  const before = await ask(clients.marketing, LIST);
  await queryText(clients.admin, WITHDRAW);
  const after = await ask(clients.marketing, LIST);
  stage.say(
    sideBySide(
      [
        { title: 'marketing before', result: before },
        { title: 'marketing after', result: after },
      ],
      'id',
      stage.colours,
    ),
  );
  stage.claims.claim('before the withdrawal marketing sees customer 1', ids(before) === '1,3');
  stage.claims.claim('after the withdrawal marketing misses customer 1', ids(after) === '3');
}

const REFUSED = 'SELECT id, card_number FROM payments';

async function refusal(stage: Stage, clients: Clients): Promise<void> {
  heading(
    stage,
    4,
    'What a role may not see is refused, with the rule and what to do',
    `crm_support: ${REFUSED}`,
  );
  const answer = await ask(clients.support, REFUSED);
  const server = 'error' in answer ? answer.server : undefined;
  stage.claims.claim('support is refused the payments with 42501', server?.sqlstate === '42501');
  stage.claims.claim(
    'the refusal is pgveil’s and has a hint',
    server?.message.startsWith('pgveil: ') === true && server.hint !== undefined,
  );
  const said =
    server === undefined
      ? ['(no refusal came)']
      : [
          `${stage.colours.red('ERROR')} ${server.sqlstate}  ${server.message}`,
          `DETAIL       ${server.detail ?? ''}`,
          `HINT         ${server.hint ?? ''}`,
        ];
  stage.say(said.map((line) => `  ${line}`).join('\n'));
}

function heading(stage: Stage, number: number, title: string, sql: string): void {
  stage.say(`${stage.colours.bold(stage.colours.cyan(`${number}  ${title}`))}\n   ${stage.colours.dim(sql)}`);
}

async function connectAll(port: number): Promise<Clients> {
  const connect = (person: Person): Promise<pg.Client> =>
    connectDatabase({
      url: urlOf(people[person], port, databaseName),
      what: `the proxy as ${people[person].user}`,
      applicationName: 'pgveil demo',
    });
  const [admin, support, marketing] = await Promise.all(order.map(connect));
  return { admin: admin!, support: support!, marketing: marketing! };
}

async function show(
  stage: Stage,
  clients: Clients,
  sql: string,
  key: string,
): Promise<[Answer, Answer, Answer]> {
  const answers: Answer[] = [];
  for (const person of order) answers.push(await ask(clients[person], sql));
  const views = order.map((person, i) => ({
    title: `${people[person].user} (${people[person].title})`,
    result: answers[i]!,
  }));
  stage.say(sideBySide(views, key, stage.colours));
  return [answers[0]!, answers[1]!, answers[2]!];
}

async function ask(client: pg.Client, sql: string): Promise<Answer> {
  try {
    return await queryText(client, sql);
  } catch (error) {
    const server = serverErrorOf(error);
    return { error: server === undefined ? reasonOf(error) : `${server.sqlstate} ${server.message}`, server };
  }
}

function rowsOf(answer: Answer): readonly (readonly (string | null)[])[] {
  return 'error' in answer ? [] : answer.rows;
}

function ids(answer: Answer): string {
  return rowsOf(answer)
    .map((row) => row[0])
    .join(',');
}

function rowsText(answer: Answer): string {
  return rowsOf(answer)
    .map((row) => row.join(','))
    .join(';');
}

function cell(answer: Answer, id: string, column: number): string | null | undefined {
  return rowsOf(answer).find((row) => row[0] === id)?.[column];
}

/** Every clear e-mail address of the sample carries this word; some rows must have come, or nothing was shown. */
function noCanary(answer: Answer): boolean {
  const rows = rowsOf(answer);
  return rows.length > 0 && !rows.flat().some((value) => value?.includes('canary') === true);
}
