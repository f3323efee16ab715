import { expect, test } from 'vitest';
import { Line } from '../../../../src/app/workers/line.js';
import type { ToPrimary, ToWorker } from '../../../../src/app/workers/messages.js';
import { askedPlaces, WorkerPlaces } from '../../../../src/app/workers/shared-places.js';
import { CountedPlaces } from '../../../../src/session/places.js';

const limits = { connections: 1, connectionsPerUser: undefined, connectionsPerAddress: undefined };
const claim = { address: '192.0.2.1' };

/** A worker's places, and how many messages to the primary wait while it does not run. */
function worker(counted: CountedPlaces): {
  places: ReturnType<typeof askedPlaces>;
  primary: { stopped: boolean; goOn(): void };
} {
  const queue: object[] = [];
  const held = new WorkerPlaces(counted);
  const primary = {
    stopped: false,
    goOn() {
      primary.stopped = false;
      for (const packet of queue.splice(0)) theirs.received(packet);
    },
  };
  const ours: Line<ToPrimary, ToWorker> = new Line((packet) => {
    queue.push(packet);
    if (!primary.stopped) primary.goOn();
  }, {} as never);
  const theirs: Line<ToWorker, ToPrimary> = new Line((packet) => ours.received(packet), {
    takePlace: (asked: typeof claim) => held.take(asked),
    leavePlace: (place: number) => {
      held.leave(place);
      return null;
    },
  } as never);
  return { places: askedPlaces(ours, 10), primary };
}

test('a place that is granted too late is left, for nobody sits in it', async () => {
  const counted = new CountedPlaces(limits);
  const { places, primary } = worker(counted);
  primary.stopped = true;
  expect(await places.take(claim)).toEqual({ ok: false, code: 'connections-uncounted' });
  primary.goOn();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const answer = await places.take(claim);
  expect(answer.ok).toBe(true);
  expect(await places.take(claim)).toEqual({ ok: false, code: 'too-many-connections' });
  if (answer.ok) answer.leave();
  expect((await places.take(claim)).ok).toBe(true);
});
