/**
 * What a CRM application asks of fixtures/relations-crm: its lists, searches, details, forms, boards and exports, each with what
 * the server answers to three log-ins. `rows` counts returned or touched rows; text is a refusal's SQLSTATE.
 */
export interface Ask {
  readonly name: string;
  readonly sql: string;
  readonly values?: readonly unknown[];
  /** Rows for admin, who is exempt, for sales and for newsletter. */
  readonly expect: readonly [number, number | string, number | string];
}

export const reads: readonly Ask[] = [
  {
    name: 'contact list, a page',
    sql: 'SELECT * FROM contacts ORDER BY last_seen DESC LIMIT $1 OFFSET $2',
    values: [25, 0],
    expect: [6, 5, 3],
  },
  {
    name: 'contact list with its company',
    sql: 'SELECT c.id, c.first_name, c.last_name, co.name AS company FROM contacts c LEFT JOIN companies co ON co.id = c.company_id WHERE c.deleted_at IS NULL ORDER BY c.last_name, c.id',
    expect: [6, 5, 3],
  },
  {
    name: 'contact list, the summary view',
    sql: 'SELECT * FROM contacts_summary ORDER BY last_seen DESC LIMIT 10',
    expect: [6, 5, 3],
  },
  {
    name: 'summary view filtered by tag and status',
    sql: "SELECT id, company_name, nb_tasks FROM contacts_summary WHERE tags @> ARRAY[1]::bigint[] AND status = 'hot' ORDER BY id",
    expect: [2, 1, 1],
  },
  {
    name: 'search by address finds masks only',
    sql: 'SELECT id FROM contacts_summary WHERE email_fts ILIKE $1',
    values: ['%canary%'],
    expect: [5, 0, 0],
  },
  {
    name: 'search by name, masked but for the first name',
    sql: 'SELECT id FROM contacts WHERE first_name ILIKE $1 OR last_name ILIKE $1 ORDER BY id',
    values: ['%canaryname%'],
    expect: [6, 0, 0],
  },
  {
    name: 'full-text search sees an empty document',
    sql: "SELECT id FROM contacts WHERE fts @@ websearch_to_tsquery('simple', $1)",
    values: ['canary-background-1'],
    expect: [1, 0, 0],
  },
  {
    name: 'containment in the list of addresses',
    sql: 'SELECT id FROM contacts WHERE email_jsonb @> $1::jsonb',
    values: ['[{"email": "ann.canary1@example.com"}]'],
    expect: [1, 0, 0],
  },
  {
    name: 'addresses as rows',
    sql: "SELECT c.id, e->>'email' AS email FROM contacts c, jsonb_array_elements(c.email_jsonb) e ORDER BY c.id",
    expect: [6, 5, 3],
  },
  {
    name: 'jsonpath over addresses',
    sql: "SELECT id, jsonb_path_query_array(email_jsonb, '$[*].email') AS emails FROM contacts WHERE jsonb_path_exists(email_jsonb, '$[*] ? (@.type == \"Work\")')",
    expect: [4, 0, 0],
  },
  {
    name: 'a custom field beside a masked one',
    sql: "SELECT id, custom_fields->>'shoe' AS shoe, custom_fields#>>'{spouse,name}' AS spouse, custom_fields FROM contacts WHERE custom_fields ? 'shoe' ORDER BY id",
    expect: [2, 2, 1],
  },
  {
    name: 'detail by uuid',
    sql: 'SELECT * FROM contacts WHERE uid = $1',
    values: ['c0000000-0000-4000-8000-000000000001'],
    expect: [1, 1, 1],
  },
  {
    name: 'detail of a person who asked for erasure',
    sql: 'SELECT * FROM contacts WHERE id = $1',
    values: [5],
    expect: [1, 0, 0],
  },
  {
    name: 'detail with notes and tasks as JSON',
    sql: `SELECT c.id, c.full_name,
        (SELECT json_agg(n ORDER BY n.date DESC) FROM (SELECT id, text, date FROM contact_notes WHERE contact_id = c.id) n) AS notes,
        (SELECT coalesce(json_agg(json_build_object('id', t.id, 'text', t.text)), '[]') FROM tasks t WHERE t.contact_id = c.id) AS tasks
      FROM contacts c WHERE c.id = 1`,
    expect: [1, 1, '42501'],
  },
  {
    name: 'detail with a lateral join',
    sql: 'SELECT c.id, t.due_date FROM contacts c LEFT JOIN LATERAL (SELECT due_date FROM tasks WHERE contact_id = c.id ORDER BY due_date LIMIT 1) t ON true ORDER BY c.id',
    expect: [6, 5, 3],
  },
  {
    name: 'notes of a contact',
    sql: 'SELECT n.*, s.first_name AS author FROM contact_notes n LEFT JOIN sales s ON s.id = n.sales_id WHERE n.contact_id = 1 ORDER BY n.date DESC',
    expect: [2, 2, '42501'],
  },
  {
    name: 'open tasks, a view',
    sql: 'SELECT * FROM open_tasks ORDER BY due_date',
    expect: [3, 2, 1],
  },
  {
    name: 'activity log, a view that unites two tables',
    sql: 'SELECT * FROM activity_log WHERE contact_id = 1 ORDER BY date DESC',
    expect: [3, 3, '42501'],
  },
  {
    name: 'activities, a partitioned table with retention',
    sql: "SELECT id, at, kind, payload FROM activities WHERE kind LIKE 'mail.%' ORDER BY at",
    expect: [4, 2, 2],
  },
  { name: 'a partition by name', sql: 'SELECT * FROM activities_2026 ORDER BY id', expect: [3, 2, 1] },
  {
    name: 'activity per month',
    sql: "SELECT date_trunc('month', at) AS month, count(*) FROM activities GROUP BY 1 ORDER BY 1",
    expect: [3, 2, 2],
  },
  {
    name: 'kanban board',
    sql: 'SELECT d.*, co.name AS company FROM deals d LEFT JOIN companies co ON co.id = d.company_id WHERE d.archived_at IS NULL ORDER BY d.stage, d.index',
    expect: [4, 3, 2],
  },
  {
    name: 'pipeline by stage',
    sql: 'SELECT stage, count(*) AS deals, sum(amount) AS amount FROM deals GROUP BY stage HAVING count(*) > 0 ORDER BY stage',
    expect: [3, 2, 2],
  },
  {
    name: 'deal notes, two hops from their subject',
    sql: 'SELECT id, deal_id, text FROM deal_notes ORDER BY id',
    expect: [2, 1, 1],
  },
  {
    name: 'companies with their counts, a view',
    sql: 'SELECT id, name, nb_deals FROM companies_summary ORDER BY name',
    // Labelled, and no subject that a consent could be asked of.
    expect: [3, 3, '42501'],
  },
  {
    name: 'tags of contacts by array',
    sql: 'SELECT t.name, count(c.id) AS n FROM tags t LEFT JOIN contacts c ON t.id = ANY (c.tags) GROUP BY t.id ORDER BY t.name',
    expect: [3, 3, 3],
  },
  {
    name: 'contacts with any of some tags',
    sql: 'SELECT id FROM contacts WHERE tags && $1::bigint[] ORDER BY id',
    values: [[1, 3]],
    expect: [4, 3, 2],
  },
  {
    name: 'contacts by an id list',
    sql: 'SELECT id, first_name FROM contacts WHERE id = ANY ($1) ORDER BY array_position($1::bigint[], id)',
    values: [[3, 5, 1]],
    expect: [3, 2, 2],
  },
  {
    name: 'keyset pagination',
    sql: 'SELECT id FROM contacts WHERE (last_seen, id) < ($1, $2) ORDER BY last_seen DESC, id DESC LIMIT 2',
    values: ['2026-01-06T08:00:00Z', 2],
    expect: [1, 1, 1],
  },
  {
    name: 'count beside the page',
    sql: 'SELECT id, count(*) OVER () AS total FROM contacts ORDER BY id LIMIT 2',
    expect: [2, 2, 2],
  },
  { name: 'count', sql: 'SELECT count(*)::int AS n FROM contacts', expect: [1, 1, 1] },
  {
    name: 'exists',
    sql: 'SELECT EXISTS (SELECT 1 FROM tasks WHERE contact_id = $1 AND done_date IS NULL) AS busy',
    values: [1],
    expect: [1, 1, 1],
  },
  {
    name: 'status counts with FILTER',
    sql: "SELECT count(*) FILTER (WHERE status = 'hot') AS hot, count(*) FILTER (WHERE status IN ('warm', 'cold')) AS rest FROM contacts",
    expect: [1, 1, 1],
  },
  {
    name: 'birthdays of a year',
    sql: "SELECT id, birthday FROM contacts WHERE birthday >= '1980-01-01' AND birthday < '1981-01-01'",
    expect: [1, 1, 0],
  },
  {
    name: 'the list as one JSON document, as REST servers ask',
    sql: `WITH source AS (SELECT contacts_summary.* FROM contacts_summary WHERE contacts_summary.status = $1 LIMIT $2 OFFSET $3)
      SELECT NULL::bigint AS total, pg_catalog.count(page) AS page_total, coalesce(json_agg(page), '[]') AS body
      FROM (SELECT * FROM source) page`,
    values: ['hot', 10, 0],
    expect: [1, 1, 1],
  },
  {
    name: 'duplicates by address',
    sql: "SELECT a.id, b.id AS other FROM contacts a JOIN contacts b ON a.id < b.id AND a.email_jsonb->0->>'email' = b.email_jsonb->0->>'email'",
    expect: [0, 10, 3],
  },
  {
    name: 'export of people and companies',
    sql: "SELECT c.id, c.first_name, c.last_name, c.email_jsonb, c.phone_jsonb, string_agg(t.name, ', ' ORDER BY t.name) AS tags FROM contacts c LEFT JOIN tags t ON t.id = ANY (c.tags) GROUP BY c.id ORDER BY c.id",
    expect: [6, 5, 3],
  },
  {
    name: 'companies, which hold nothing of a person',
    sql: 'SELECT id, tax_identifier FROM companies ORDER BY id',
    expect: [3, 3, 3],
  },
];

export const writes: readonly Ask[] = [
  {
    name: 'kanban drag: make room',
    sql: "UPDATE deals SET index = index + 1 WHERE stage = 'in-negotiation' AND index >= $1 RETURNING id, index",
    values: [0],
    expect: [1, 1, 1],
  },
  {
    name: 'kanban drag: move the card',
    sql: "UPDATE deals SET stage = 'proposal-sent', index = $1 WHERE id = $2 RETURNING id, stage, index, updated_at",
    values: [0, 'dea10000-0000-4000-8000-000000000001'],
    expect: [1, 1, 1],
  },
  {
    name: 'kanban drag of a withheld card',
    sql: "UPDATE deals SET stage = 'lost' WHERE id = $1",
    values: ['dea10000-0000-4000-8000-000000000005'],
    expect: [1, 0, 0],
  },
  {
    name: 'a task is done',
    sql: 'UPDATE tasks SET done_date = now() WHERE id = $1 AND done_date IS NULL RETURNING *',
    values: [1],
    expect: [1, 1, 1],
  },
  {
    name: 'a tag is added',
    sql: 'UPDATE contacts SET tags = array_append(tags, $1::bigint) WHERE id = $2 AND NOT ($1::bigint = ANY (tags)) RETURNING id, tags',
    values: [3, 1],
    expect: [1, 1, 1],
  },
  {
    name: 'an edit with a version to meet',
    sql: "UPDATE contacts SET title = 'CMO', version = version + 1 WHERE id = $1 AND version = $2",
    values: [1, 1],
    expect: [1, 1, 1],
  },
  {
    name: 'soft delete',
    sql: 'UPDATE contacts SET deleted_at = now() WHERE id = ANY ($1) AND deleted_at IS NULL',
    values: [[3, 5]],
    expect: [2, 1, 1],
  },
  {
    name: 'a new company',
    sql: "INSERT INTO companies (name, sector, sales_id) VALUES ($1, 'retail', 1) RETURNING id, name, created_at",
    values: ['Umbrella'],
    expect: [1, 1, 1],
  },
  {
    name: 'a new contact',
    sql: `INSERT INTO contacts (first_name, last_name, email_jsonb, phone_jsonb, has_newsletter, company_id, tags)
      VALUES ('Gil', 'Newname', $1::jsonb, '[]', true, 1, ARRAY[1, 2]) RETURNING id, uid, full_name, status`,
    values: ['[{"email": "gil@example.com", "type": "Work"}]'],
    expect: [1, 1, 1],
  },
  {
    name: 'a note',
    sql: "INSERT INTO contact_notes (contact_id, text, status) VALUES (1, 'spoke on the phone', 'hot') RETURNING *",
    expect: [1, 1, '42501'],
  },
  {
    name: 'several tasks at once',
    sql: "INSERT INTO tasks (contact_id, type, text, due_date) VALUES (1, 'call', 'a', now()), (1, 'mail', 'b', now()) RETURNING id",
    expect: [2, 2, 2],
  },
  {
    name: 'tags by upsert',
    sql: "INSERT INTO tags (name, color) VALUES ('vip', '#000000') ON CONFLICT (name) DO UPDATE SET color = excluded.color RETURNING id, color",
    expect: [1, 1, 1],
  },
  {
    name: 'an event in a partition',
    sql: "INSERT INTO activities (contact_id, at, kind, payload) VALUES (1, '2026-04-01', 'call.made', '{\"ms\": 1}') RETURNING id",
    expect: [1, 1, 1],
  },
  {
    name: 'tasks are removed',
    sql: 'DELETE FROM tasks WHERE contact_id = ANY ($1)',
    values: [[1, 5]],
    expect: [3, 2, 2],
  },
];
