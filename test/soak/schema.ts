/** The sample CRM as the soak's generator knows it: tables with the types of their columns, and literals to compare them with. */

export type Type = 'int' | 'text' | 'num' | 'date' | 'ts' | 'bool' | 'json';

export interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, Type>>;
}

/** What stands in a FROM clause under an alias. */
export interface Source {
  readonly alias: string;
  readonly columns: Readonly<Record<string, Type>>;
}

export const tables: readonly Table[] = [
  {
    name: 'customers',
    columns: {
      id: 'int',
      first_name: 'text',
      last_name: 'text',
      email: 'text',
      phone: 'text',
      birth_date: 'date',
      region: 'text',
      notes: 'text',
      profile: 'json',
      do_not_call: 'bool',
      restricted_at: 'ts',
      created_at: 'ts',
    },
  },
  {
    name: 'orders',
    columns: { id: 'int', customer_id: 'int', total: 'num', status: 'text', placed_at: 'ts' },
  },
  { name: 'order_items', columns: { order_id: 'int', line: 'int', product_id: 'int', quantity: 'int' } },
  { name: 'payments', columns: { id: 'int', customer_id: 'int', amount: 'num', paid_at: 'ts' } },
  {
    name: 'tickets',
    columns: { id: 'int', customer_id: 'int', region: 'text', subject: 'text', opened_at: 'ts' },
  },
  { name: 'products', columns: { id: 'int', name: 'text', price: 'num' } },
];
export const writable: readonly Table[] = tables.filter((table) =>
  ['customers', 'orders', 'tickets', 'order_items'].includes(table.name),
);

export const literals: Readonly<Record<Type, readonly string[]>> = {
  int: ['0', '1', '2', '3', '5', '10', '12', '1985', '4711'],
  text: [
    "'a'",
    "'EU'",
    "'US'",
    "'***'",
    "'a***@example.com'",
    "'canary'",
    "'%a%'",
    "''",
    "'1'",
    "'Secretname5'",
  ],
  num: ['0', '1.5', '9.00', '59.00', '34.4'],
  date: ["date '1985-02-03'", "date '1970-01-01'", "date '1969-05-21'"],
  ts: ["timestamptz '2025-05-01T10:00:00Z'", "timestamptz '2026-01-11T09:00:00Z'"],
  bool: ['true', 'false', 'NULL::boolean'],
  json: [`'{"tier": "gold"}'::jsonb`, `'"***"'::jsonb`],
};
