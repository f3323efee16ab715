/** Guesses from a column's name whether it holds personal data. A hint for `check`, never a decision about anyone's data. */

/** What the name suggests → words of the name, lower case, split at underscores, digits and capitals. */
const PATTERNS: readonly { readonly kind: string; readonly words: RegExp }[] = [
  { kind: 'e-mail address', words: /(^| )(e ?mail|mail address)( |$)/ },
  {
    kind: 'phone number',
    words: /(^| )(phone|telephone|mobile|cell|fax|msisdn)( |$)|(^| )(phone ?number|cell ?phone)( |$)/,
  },
  {
    kind: "person's name",
    words:
      /(^| )((first|last|middle|given|family|full|maiden|sur|birth) ?name|surname|forename|lastname|firstname|fullname)( |$)/,
  },
  { kind: 'date of birth', words: /(^| )(birth ?(date|day)?|date of birth|dob|born( on| at)?)( |$)/ },
  { kind: 'postal address', words: /(^| )(street|address|addr|zip( ?code)?|post ?code|postal code)( |$)/ },
  {
    kind: 'payment detail',
    words: /(^| )(iban|bic|card( ?(number|no|pan))?|credit ?card|account ?(number|no)|cvv|cvc)( |$)/,
  },
  {
    kind: 'official identifier',
    words:
      /(^| )(ssn|social security|passport|national id|tax ?id|vat ?id|driver s? ?licen[cs]e|licen[cs]e number)( |$)/,
  },
  { kind: 'network address', words: /(^| )(ip|ip ?addr(ess)?|mac ?addr(ess)?)( |$)/ },
  { kind: 'credential', words: /(^| )(password|passwd|pwd|secret|api ?key|token)( |$)/ },
  {
    kind: 'sensitive attribute',
    words: /(^| )(gender|sex|religion|ethnicity|nationality|salary|income|diagnosis)( |$)/,
  },
];

/** What the column looks like, or undefined when its name suggests nothing. */
export function looksPersonal(columnName: string): string | undefined {
  const words = columnName
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/[^a-z]+/g, ' ')
    .trim();
  return PATTERNS.find((pattern) => pattern.words.test(words))?.kind;
}
