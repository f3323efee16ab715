import { describe, expect, it } from 'vitest';
import { viewLineage } from '../../../src/resolve/lineage.js';
import type { ViewLineage } from '../../../src/resolve/lineage.js';
import { catalogOf, lineageText, parse } from './harness.js';

const catalog = catalogOf(['public.customers(id, email)', 'public.orders(id, customer_id)'], {
  'public.plain(id, mail)': 'SELECT c.id, c.email FROM public.customers c;',
  'public.nested(mail, order_id)':
    'SELECT v.mail, o.id FROM (SELECT p.mail, p.id FROM public.plain p) v LEFT JOIN public.orders o ON (o.id = v.id);',
  'public.pairs(left_mail, right_mail)':
    'SELECT l.mail, r.mail FROM public.plain l JOIN public.plain r ON true;',
  'public.counted(n)': 'SELECT count(*) FROM public.plain p;',
  'public.grouped(mail)': 'SELECT p.mail FROM public.plain p GROUP BY p.mail;',
  'public.limited(mail)': 'SELECT s.mail FROM (SELECT p.mail FROM public.plain p LIMIT 1) s;',
  'public.united(mail)':
    'SELECT p.mail FROM public.plain p UNION ALL SELECT c.email FROM public.customers c;',
  'public.named(mail)': 'WITH x AS (SELECT p.mail FROM public.plain p) SELECT x.mail FROM x;',
  'public.windowed(n)': 'SELECT row_number() OVER () FROM public.customers c;',
  'public.calling(x)': 'SELECT public.shout(c.email) FROM public.customers c;',
  'public.broken(x)': 'SELECT c.x FROM nowhere.customers c;',
});

function lineageOf(name: string): ViewLineage | undefined {
  return viewLineage(catalog.relation('public', name)!, catalog, parse);
}

function print(lineage: ViewLineage | undefined): string | undefined {
  if (lineage === undefined) return undefined;
  const outputs = lineage.outputs.map((output) => `${output.name}=${lineageText(output.lineage)}`);
  const bases = lineage.bases.map(
    (base) => `${base.relation.name}${base.plain ? ' plain' : ''}${base.nullable ? ' nullable' : ''}`,
  );
  return `${outputs.join(', ')} | ${bases.join(', ')}`;
}

describe('view lineage', () => {
  it.each([
    ['plain', 'id=c.id, mail=c.email | customers plain'],
    ['nested', 'mail=c.email, order_id=o.id | customers plain, orders plain nullable'],
    ['pairs', 'left_mail=c.email, right_mail=c.email | customers plain, customers plain'],
    ['counted', 'n=f() | customers'],
    ['grouped', 'mail=c.email | customers'],
    ['limited', 'mail=c.email | customers'],
    ['united', 'mail=f(c.email, c.email) | customers, customers'],
    ['named', 'mail=c.email | customers'],
    ['windowed', 'n=f() | customers'],
    ['broken', undefined],
  ])('of %s', (name, expected) => {
    expect(print(lineageOf(name))).toBe(expected);
  });

  it('keeps the occurrences of a view that is joined to itself apart', () => {
    const lineage = lineageOf('pairs')!;
    const uses = lineage.outputs.map(({ lineage: origin }) =>
      origin.kind === 'column' ? origin.use : undefined,
    );
    expect(uses).toEqual([lineage.bases[0], lineage.bases[1]]);
    expect(uses[0]).not.toBe(uses[1]);
  });

  it('reports the functions that a view calls', () => {
    expect(lineageOf('calling')?.functions.map((use) => use.name)).toEqual([['public', 'shout']]);
  });

  it('is remembered per catalog', () => {
    expect(lineageOf('nested')).toBe(lineageOf('nested'));
  });
});
