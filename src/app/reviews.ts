/** Roles whose review date has passed. */
import type { LoadedPolicySet } from '../policy/load.js';
import { problemAt } from '../policy/problems.js';
import type { PolicyProblem } from '../policy/types.js';

/** The roles' names alone. */
export function overdueRoles(set: LoadedPolicySet, now: Date): string[] {
  const today = now.toISOString().slice(0, 10);
  return [...set.content.roles].flatMap(([name, { value }]) =>
    value.review_by !== undefined && value.review_by < today ? [name] : [],
  );
}

/** A review is due until the end of its day, in UTC. */
export function overdueReviews(set: LoadedPolicySet, now: Date): PolicyProblem[] {
  const today = now.toISOString().slice(0, 10);
  return [...set.content.roles].flatMap(([name, role]) => {
    const { review_by: due, owner } = role.value;
    if (due === undefined || due >= today) return [];
    return [
      problemAt(role, ['review_by'], {
        code: 'review-overdue',
        message: `the review of role "${name}" was due by ${due}`,
        fix: `have ${owner ?? "the policy's owner"} review the role and set a new date`,
        severity: 'warning',
      }),
    ];
  });
}
