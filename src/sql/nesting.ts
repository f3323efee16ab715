/**
 * Bounds on how deep a text can make the parser's tree, judged from tokens alone, so that no text overflows a stack.
 * It knows brackets, CASE … END and chains of operators; it does not parse.
 *
 * The depth of a tree is at most the brackets around a place plus the operators that lead to it on each level. So the
 * chain inside a bracket counts on from the chain before it. What only separates siblings (a comma, AND and OR, whose
 * operands the grammar keeps in one list, the arms of a CASE) starts the chain again; UNION and JOIN, whose trees lean
 * to the left over whole clauses, stay counted until their level ends.
 */
import type { SqlLimits } from './types.js';

type Effect = 'separates' | 'and' | 'between' | 'counts' | 'spine' | 'case' | 'end';

const effects: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ['or', 'separates'],
  ['when', 'separates'],
  ['then', 'separates'],
  ['else', 'separates'],
  ['and', 'and'],
  ['between', 'between'],
  ['not', 'counts'],
  ['is', 'counts'],
  ['isnull', 'counts'],
  ['notnull', 'counts'],
  ['in', 'counts'],
  ['like', 'counts'],
  ['ilike', 'counts'],
  ['similar', 'counts'],
  ['overlaps', 'counts'],
  ['collate', 'counts'],
  ['at', 'counts'],
  ['operator', 'counts'],
  ['union', 'spine'],
  ['intersect', 'spine'],
  ['except', 'spine'],
  ['join', 'spine'],
  ['case', 'case'],
  ['end', 'end'],
]);

export class NestingBounds {
  readonly #limits: SqlLimits;
  /** What opened each level: 1 a bracket, 2 a CASE; with the chain, its base and the open BETWEENs to return to. */
  readonly #levels: number[] = [];
  #chain = 0;
  #base = 0;
  #betweens = 0;

  constructor(limits: SqlLimits) {
    this.#limits = limits;
  }

  /** Each of these returns false when the text is too deep here. */
  open(): boolean {
    return this.#push(1);
  }

  close(): void {
    // A CASE that its bracket leaves open is the parser's to refuse.
    while (this.#top() === 2) this.#pop();
    if (this.#top() === 1) this.#pop();
  }

  operator(): boolean {
    this.#chain += 1;
    return this.#chain <= this.#limits.operatorChain;
  }

  separator(): void {
    this.#chain = this.#base;
    this.#betweens = 0;
  }

  statementEnd(): void {
    if (this.#levels.length > 0) return;
    this.#base = 0;
    this.separator();
  }

  /** An unquoted word that is neither a column of something (a.end) nor a name given by AS. */
  word(word: string): boolean {
    const effect = effects.get(word) ?? effects.get(word.toLowerCase());
    switch (effect) {
      case undefined:
        return true;
      case 'separates':
        this.#chain = this.#base;
        return true;
      case 'and':
        // The AND of a BETWEEN separates nothing: `… IS TRUE BETWEEN 1 AND 2 IS TRUE BETWEEN …` leans to the left.
        if (this.#betweens === 0) this.#chain = this.#base;
        else this.#betweens -= 1;
        return true;
      case 'between':
        this.#betweens += 1;
        return this.operator();
      case 'counts':
        return this.operator();
      case 'spine':
        this.#base += 1;
        this.#chain = this.#base;
        return this.#chain <= this.#limits.operatorChain;
      case 'case':
        return this.#push(2);
      case 'end':
        if (this.#top() === 2) this.#pop();
        return true;
    }
  }

  #top(): number | undefined {
    return this.#levels[this.#levels.length - 1];
  }

  #push(opener: number): boolean {
    this.#levels.push(this.#chain, this.#base, this.#betweens, opener);
    this.#base = this.#chain;
    this.#betweens = 0;
    return this.#levels.length / 4 <= this.#limits.nesting;
  }

  #pop(): void {
    this.#levels.pop();
    this.#betweens = this.#levels.pop()!;
    this.#base = this.#levels.pop()!;
    this.#chain = this.#levels.pop()!;
  }
}
