/** "Did you mean": the nearest of some known names. Knows nothing of policies. */

/** Number of edits (insert, delete, replace, swap of neighbours) between two short words. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/** The known name closest to `name`, if it is close enough to be a slip of the pen. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** A fix for an unknown name: the nearest known one, or the list of what there is. */
export function suggest(name: string, known: Iterable<string>, what: string): string {
  const names = [...known];
  const close = nearest(name, names);
  if (close !== undefined) return `did you mean "${close}"?`;
  if (names.length === 0) return `there is no ${what} yet: add one`;
  const shown = names.slice(0, 20).map((one) => `"${one}"`);
  return `use one of ${shown.join(', ')}${names.length > 20 ? ', …' : ''}`;
}
