/**
 * Hours of a week as people write them: `Mon-Fri 07:00-19:00, Sat 09:00-13:00 Europe/Berlin`. Reads the text; what the
 * clock says in that zone is the reader's of the hours.
 */

/** Minutes of a week as the wall clock of the zone shows them, from Monday 00:00 on; `until` may lie in the next week. */
export interface WeekHours {
  readonly zone: string;
  readonly spans: readonly { readonly from: number; readonly until: number }[];
}

export type WeekHoursOutcome =
  { readonly ok: true; readonly hours: WeekHours } | { readonly ok: false; readonly reason: string };

export const MINUTES_OF_DAY = 24 * 60;
const MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY;
export const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const SPAN = /^([A-Za-z]+)(?:-([A-Za-z]+))? (\d\d):(\d\d)-(\d\d):(\d\d)$/;

export function parseWeekHours(text: string): WeekHoursOutcome {
  const words = text.trim().split(/\s+/);
  const zone = words.pop() ?? '';
  if (words.length === 0 || /^\d\d:\d\d-/.test(zone)) return failed('names no time zone');
  if (!isZone(zone)) return failed('names a time zone that is not known');
  const spans: WeekHours['spans'][number][] = [];
  for (const part of words.join(' ').split(/ ?, ?/)) {
    const read = readSpan(part);
    if (typeof read === 'string') return failed(read);
    spans.push(...read);
  }
  return { ok: true, hours: { zone, spans } };
}

/** No minute of the week lies outside. */
export function isWholeWeek({ spans }: WeekHours): boolean {
  for (let minute = 0; minute < MINUTES_OF_WEEK; minute += 1) if (!isWithin(spans, minute)) return false;
  return true;
}

export function isWithin(spans: WeekHours['spans'], minuteOfWeek: number): boolean {
  return spans.some(
    ({ from, until }) =>
      (minuteOfWeek >= from && minuteOfWeek < until) || minuteOfWeek + MINUTES_OF_WEEK < until,
  );
}

function readSpan(text: string): WeekHours['spans'] | string {
  const found = SPAN.exec(text);
  if (found === null) return 'is not days and hours';
  const [, first = '', last = first, ...clock] = found;
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = clock.map(Number);
  const days = [first, last].map((name) => DAYS.indexOf(name));
  if (days.includes(-1)) return `names a day that is none of ${DAYS.join(', ')}`;
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  if (fromMinute > 59 || toMinute > 59 || from >= MINUTES_OF_DAY || to > MINUTES_OF_DAY)
    return 'has a time of day that does not exist';
  if (from === to) return 'has hours that end when they begin';
  // 22:00-06:00 ends on the next day.
  const length = to > from ? to - from : to + MINUTES_OF_DAY - from;
  const count = ((days[1]! - days[0]! + 7) % 7) + 1;
  return Array.from({ length: count }, (_, index) => {
    const begin = ((days[0]! + index) % 7) * MINUTES_OF_DAY + from;
    return { from: begin, until: begin + length };
  });
}

function isZone(name: string): boolean {
  try {
    // An offset such as +01:00 knows no summer time, and people who write one mostly have it.
    if (!/^[A-Za-z]/.test(name)) return false;
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function failed(reason: string): WeekHoursOutcome {
  return { ok: false, reason };
}
