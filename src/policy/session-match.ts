/** Which session rule a connection gets: ordered, first match wins, as in pg_hba.conf. Knows no roles' content. */
import { BlockList, isIP } from 'node:net';
import type { SessionEntry } from './document.js';
import type { Connecting, SessionRule } from './types.js';

export interface SessionMatcher {
  readonly entry: SessionEntry;
  readonly addresses: BlockList | undefined;
  readonly rule: SessionRule;
}

/** `10.0.0.0/8`, `2001:db8::/32` or a single address; undefined when it is neither. */
export function parseCidr(
  text: string,
): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', prefix, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || more.length > 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  if (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) return undefined;
  const length = prefix === undefined ? longest : Number(prefix);
  return length > longest ? undefined : { address, prefix: length, family: version === 4 ? 'ipv4' : 'ipv6' };
}

export function addressesOf(entry: SessionEntry): readonly string[] {
  if (entry.address === undefined) return [];
  return typeof entry.address === 'string' ? [entry.address] : entry.address;
}

/** Undefined when the entry names no address, so any matches. */
export function addressList(entry: SessionEntry): BlockList | undefined {
  const texts = addressesOf(entry);
  if (texts.length === 0) return undefined;
  const list = new BlockList();
  for (const text of texts) {
    const parsed = parseCidr(text);
    if (parsed) list.addSubnet(parsed.address, parsed.prefix, parsed.family);
  }
  return list;
}

/** A dual-stack socket reports IPv4 clients as ::ffff:10.0.0.1; a link-local address carries its zone. */
export function plainAddress(address: string): string {
  const withoutZone = address.split('%', 1)[0] ?? '';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutZone);
  return mapped?.[1] ?? withoutZone;
}

function nameMatches(pattern: string | undefined, name: string): boolean {
  return pattern === undefined || pattern === '*' || pattern === name;
}

function matches(matcher: SessionMatcher, who: Connecting, address: string): boolean {
  if (!nameMatches(matcher.entry.user, who.user) || !nameMatches(matcher.entry.database, who.database))
    return false;
  const { certificate, application_name: application } = matcher.entry;
  // FAIL-CLOSED: "*" is any certificate, and none at all is not one of them.
  if (
    certificate !== undefined &&
    (who.certificate === undefined || !nameMatches(certificate, who.certificate))
  )
    return false;
  if (application !== undefined && who.applicationName !== application) return false;
  if (matcher.addresses === undefined) return true;
  const version = isIP(address);
  return version !== 0 && matcher.addresses.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/** FAIL-CLOSED: undefined means that the connection is refused. */
export function matchSession(matchers: readonly SessionMatcher[], who: Connecting): SessionRule | undefined {
  const address = plainAddress(who.address);
  return matchers.find((matcher) => matches(matcher, who, address))?.rule;
}

function covers(earlier: SessionEntry, later: SessionEntry): boolean {
  const name = (a: string | undefined, b: string | undefined): boolean =>
    a === undefined || a === '*' || a === b;
  if (!name(earlier.user, later.user) || !name(earlier.database, later.database)) return false;
  if (earlier.certificate !== undefined && later.certificate === undefined) return false;
  if (!name(earlier.certificate, later.certificate)) return false;
  if (earlier.application_name !== undefined && earlier.application_name !== later.application_name)
    return false;
  const wide = addressList(earlier);
  if (wide === undefined) return true;
  const narrow = addressesOf(later);
  return (
    narrow.length > 0 &&
    narrow.every((text) => {
      const inner = parseCidr(text);
      if (!inner) return false;
      return addressesOf(earlier).some((one) => {
        const outer = parseCidr(one);
        if (outer?.family !== inner.family || outer.prefix > inner.prefix) return false;
        const net = new BlockList();
        net.addSubnet(outer.address, outer.prefix, outer.family);
        return net.check(inner.address, inner.family);
      });
    })
  );
}

/** The index of an earlier entry that takes every connection of this one, so that it can never fire. */
export function shadowedBy(entries: readonly SessionEntry[], index: number): number | undefined {
  const later = entries[index];
  if (later === undefined) return undefined;
  const found = entries.slice(0, index).findIndex((earlier) => covers(earlier, later));
  return found === -1 ? undefined : found;
}
