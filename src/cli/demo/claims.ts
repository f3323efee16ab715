/** The demo checks what it tells: each claim is tested on the rows that came, and a false one ends it with exit code 1. */

export interface Claims {
  /** Records one claim and whether it held. */
  claim(text: string, holds: boolean): void;
  readonly total: number;
  readonly broken: readonly string[];
}

export function collectClaims(): Claims {
  const broken: string[] = [];
  let total = 0;
  return {
    claim(text, holds) {
      total += 1;
      if (!holds) broken.push(text);
    },
    get total() {
      return total;
    },
    broken,
  };
}
