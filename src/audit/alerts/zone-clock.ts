/** What the wall clock of a time zone shows. A minute that does not exist there in spring is never shown, one that comes twice in autumn is shown twice. */
import { DAYS, isWithin, MINUTES_OF_DAY, type WeekHours } from '../../policy/week-hours.js';

const MINUTE_MS = 60_000;
/** Minutes remembered per zone: alerts ask about the present one, again and again. */
const MAX_KNOWN = 1_000;

interface Clock {
  readonly format: Intl.DateTimeFormat;
  readonly known: Map<number, number>;
}

const clocks = new Map<string, Clock>();

/** @param minute - minutes since 1970 */
export function isOutside({ zone, spans }: WeekHours, minute: number): boolean {
  return !isWithin(spans, minuteOfWeek(zone, minute));
}

/** From Monday 00:00 on. */
function minuteOfWeek(zone: string, minute: number): number {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    clock = { format, known: new Map() };
    clocks.set(zone, clock);
  }
  const before = clock.known.get(minute);
  if (before !== undefined) return before;
  const parts = new Map(
    clock.format.formatToParts(minute * MINUTE_MS).map(({ type, value }) => [type, value]),
  );
  const day = DAYS.indexOf(parts.get('weekday') ?? '');
  const shown = day * MINUTES_OF_DAY + Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
  if (clock.known.size >= MAX_KNOWN) clock.known.clear();
  clock.known.set(minute, shown);
  return shown;
}
