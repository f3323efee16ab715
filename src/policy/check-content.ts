/** What can be checked of a policy without a database: that its names refer to something, and that each rule can fire. */
import { checkAlerts } from './check-alerts.js';
import type { PolicyContent } from './content.js';
import { problemAt } from './problems.js';
import { addressesOf, parseCidr, shadowedBy } from './session-match.js';
import { suggest } from './suggest.js';
import type { PolicyProblem } from './types.js';

/** Masks that need no definition. */
export const builtInMasks: ReadonlySet<string> = new Set(['clear', 'deny', 'redact']);

export function maskNameOf(use: string | { readonly mask: string }): string {
  return typeof use === 'string' ? use : use.mask;
}

function checkStated(content: PolicyContent): PolicyProblem[] {
  const missing = (key: string, fix: string): PolicyProblem =>
    problemAt(content.first, [], { code: 'missing-key', message: `"${key}" must be stated`, fix, key: true });
  return [
    ...(content.unlabelled ? [] : [missing('unlabelled', 'add unlabelled: clear or unlabelled: deny')]),
    ...(content.unlistedTables
      ? []
      : [missing('unlisted_tables', 'add unlisted_tables: allow or unlisted_tables: deny')]),
    ...(content.sessions.length > 0
      ? []
      : [missing('sessions', 'add sessions: without one nobody can connect')]),
  ];
}

function checkRoles(content: PolicyContent): PolicyProblem[] {
  const masks = new Set([...builtInMasks, ...content.masks.keys()]);
  const problems: PolicyProblem[] = [];
  for (const [, role] of content.roles) {
    role.value.purposes.forEach((purpose, index) => {
      if (content.purposes.has(purpose)) return;
      problems.push(
        problemAt(role, ['purposes', index], {
          code: 'unknown-purpose',
          message: `there is no purpose "${purpose}"`,
          fix: suggest(purpose, content.purposes.keys(), 'purpose'),
        }),
      );
    });
    for (const [label, use] of Object.entries(role.value.masks ?? {})) {
      if (label !== '*' && !content.labels.has(label)) {
        problems.push(
          problemAt(role, ['masks', label], {
            code: 'unknown-label',
            message: `there is no label "${label}", so this mask can never apply`,
            fix: suggest(label, content.labels.keys(), 'label'),
            key: true,
          }),
        );
      }
      const mask = maskNameOf(use);
      if (!masks.has(mask)) {
        problems.push(
          problemAt(role, typeof use === 'string' ? ['masks', label] : ['masks', label, 'mask'], {
            code: 'unknown-mask',
            message: `there is no mask "${mask}"`,
            fix: suggest(mask, masks, 'mask'),
          }),
        );
      }
    }
  }
  for (const [name, mask] of content.masks) {
    if (builtInMasks.has(name)) {
      problems.push(
        problemAt(mask, [], {
          code: 'built-in-mask',
          message: `"${name}" is built in and cannot be defined again`,
          fix: 'give the mask another name',
          key: true,
        }),
      );
    }
    if (mask.value.kind !== 'jsonb') continue;
    for (const [path, inner] of Object.entries(mask.value.paths)) {
      if (inner === 'deny' || inner === 'redact' || content.masks.has(inner)) continue;
      problems.push(
        problemAt(mask, ['paths', path], {
          code: 'unknown-mask',
          message: `there is no mask "${inner}"`,
          fix: suggest(inner, ['deny', 'redact', ...content.masks.keys()], 'mask'),
        }),
      );
    }
  }
  return problems;
}

function checkPurposes(content: PolicyContent): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const [, purpose] of content.purposes) {
    if (purpose.value.consent !== undefined && content.consent === undefined) {
      problems.push(
        problemAt(purpose, ['consent'], {
          code: 'missing-key',
          message: 'the policy does not say where consent is recorded',
          fix: 'add the top-level key consent: with source, subject, purpose, status and given',
        }),
      );
    }
    if (content.subjects.size === 0 && (purpose.value.consent ?? purpose.value.when) !== undefined) {
      problems.push(
        problemAt(purpose, [], {
          code: 'rule-never-fires',
          message: 'no table has a data subject, so nothing can be filtered by this purpose',
          fix: 'add subjects: with the tables whose rows belong to a person',
          key: true,
        }),
      );
    }
  }
  const excepted = content.restricted?.value.except ?? [];
  excepted.forEach((purpose, index) => {
    if (content.purposes.has(purpose)) return;
    problems.push(
      problemAt(content.restricted!, ['except', index], {
        code: 'unknown-purpose',
        message: `there is no purpose "${purpose}" yet`,
        fix: suggest(purpose, content.purposes.keys(), 'purpose'),
        severity: 'warning',
      }),
    );
  });
  const names = [...content.purposes.keys()];
  if (content.restricted && names.length > 0 && names.every((name) => excepted.includes(name))) {
    problems.push(
      problemAt(content.restricted, ['except'], {
        code: 'rule-never-fires',
        message: 'every purpose is excepted, so the restriction never hides anything',
        fix: 'take a purpose out of the list, or remove restricted:',
      }),
    );
  }
  return problems;
}

function checkSessions(content: PolicyContent): PolicyProblem[] {
  const entries = content.sessions.map((session) => session.value);
  const problems = content.sessions.flatMap((session, index): PolicyProblem[] => {
    const { role: roleName, purpose } = session.value;
    const found: PolicyProblem[] = [];
    const texts = addressesOf(session.value);
    texts.forEach((text, at) => {
      if (parseCidr(text)) return;
      found.push(
        problemAt(session, typeof session.value.address === 'string' ? ['address'] : ['address', at], {
          code: 'bad-value',
          message: 'not an address or network',
          fix: 'write for example 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32',
        }),
      );
    });
    const before = shadowedBy(entries, index);
    if (before !== undefined) {
      const place = content.sessions[before]!.source.placeOf(content.sessions[before]!.path);
      found.push(
        problemAt(session, [], {
          code: 'rule-never-fires',
          message: `the session at ${place.file}:${place.line}:${place.column} matches everything that this one does`,
          fix: 'move this session above that one, or remove it',
        }),
      );
    }
    (session.value.may ?? []).forEach((name, at, all) => {
      const twice = all.indexOf(name) !== at;
      if (content.roles.has(name) && !twice) return;
      found.push(
        problemAt(session, ['may', at], {
          code: twice ? 'duplicate-key' : 'unknown-role',
          message: twice ? `the role "${name}" is listed twice` : `there is no role "${name}"`,
          fix: twice ? 'keep one of the two' : suggest(name, content.roles.keys(), 'role'),
        }),
      );
    });
    if (roleName === undefined) return found;
    const role = content.roles.get(roleName);
    if (!role) {
      found.push(
        problemAt(session, ['role'], {
          code: 'unknown-role',
          message: `there is no role "${roleName}"`,
          fix: suggest(roleName, content.roles.keys(), 'role'),
        }),
      );
    } else if (
      purpose === undefined ? role.value.purposes.length > 1 : !role.value.purposes.includes(purpose)
    ) {
      found.push(
        problemAt(session, purpose === undefined ? ['role'] : ['purpose'], {
          code: 'unknown-purpose',
          message:
            purpose === undefined
              ? `the role "${roleName}" has several purposes, and the session does not say which`
              : `the role "${roleName}" has no purpose "${purpose}"`,
          fix:
            purpose === undefined
              ? `add purpose: with one of ${role.value.purposes.map((one) => `"${one}"`).join(', ')}`
              : suggest(purpose, role.value.purposes, 'purpose'),
        }),
      );
    }
    return found;
  });
  const used = new Set(entries.flatMap((entry) => [entry.role, ...(entry.may ?? [])]));
  for (const [name, role] of content.roles) {
    if (used.has(name)) continue;
    problems.push(
      problemAt(role, [], {
        code: 'role-never-used',
        message: `no session can ever get the role "${name}"`,
        fix: `add a session with role: ${name} or list it in the may: of one, or remove the role`,
        severity: 'warning',
        key: true,
      }),
    );
  }
  return problems;
}

export function checkContent(content: PolicyContent): PolicyProblem[] {
  return [
    ...checkStated(content),
    ...checkRoles(content),
    ...checkPurposes(content),
    ...checkSessions(content),
    ...checkAlerts(content),
  ];
}
