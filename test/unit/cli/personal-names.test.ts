import { describe, expect, it } from 'vitest';
import { looksPersonal } from '../../../src/cli/check/personal-names.js';

describe('check warns of columns whose name suggests personal data', () => {
  it.each([
    ['email', 'e-mail address'],
    ['customer_email', 'e-mail address'],
    ['emailAddress', 'e-mail address'],
    ['email2', 'e-mail address'],
    ['mobile_phone', 'phone number'],
    ['first_name', "person's name"],
    ['lastName', "person's name"],
    ['date_of_birth', 'date of birth'],
    ['birth_date', 'date of birth'],
    ['zip_code', 'postal address'],
    ['card_number', 'payment detail'],
    ['iban', 'payment detail'],
    ['tax_id', 'official identifier'],
    ['last_login_ip', 'network address'],
    ['password', 'credential'],
    ['gender', 'sensitive attribute'],
  ])('%s looks like a %s', (name, kind) => {
    expect(looksPersonal(name)).toBe(kind);
  });

  it.each([
    'id',
    'name',
    'total',
    'status',
    'created_at',
    'shipping_cost',
    'description',
    'recipe',
    'phonetic',
    'tokenizer',
    'mailing',
  ])('%s does not', (name) => {
    expect(looksPersonal(name)).toBeUndefined();
  });
});
