/** What is done to a world under load. A fault does its harm and has undone it when it resolves; it judges nothing. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';
import type { Load } from './load.js';
import type { World } from './world.js';

export interface Fault {
  readonly name: string;
  /** Ends the proxy without a chance to write: relaxed durability may lose what was not on disk. */
  readonly kills: boolean;
  /** Part of the run in `npm test`, which has little time. */
  readonly short?: boolean;
  /** The clients must have been refused meanwhile, in strict durability. */
  readonly refuses?: boolean;
  /** Needs a world with a Sentinel. */
  readonly sentinel?: boolean;
  readonly run: (world: World, random: Random, load: Pick<Load, 'vanish' | 'untilRefused'>) => Promise<void>;
}

/** Long enough for the harm to be felt. */
const between = (random: Random, from: number, to: number): Promise<void> =>
  sleep(from + random.below(to - from));

async function redisPid({ withRedis }: World): Promise<number> {
  const info = await withRedis((client) => client.info('server'));
  return Number(/process_id:(\d+)/.exec(info)?.[1]);
}

/** Until the answer is called. */
function fillDisk({ disk, served }: World): () => void {
  if (disk !== undefined) {
    disk.fill();
    return () => disk.free();
  }
  // Where nothing may be mounted, the files of the spool may not grow: EFBIG in place of ENOSPC (setrlimit(2)).
  const limit = (bytes: string): void => {
    for (const pid of served.pids()) execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}`]);
  };
  limit('4096:');
  return () => limit('unlimited:');
}

export const faults: readonly Fault[] = [
  { name: 'none', kills: false, run: (_, random) => between(random, 200, 600) },
  {
    name: 'proxy-kill',
    kills: true,
    short: true,
    async run({ served }, random) {
      await served.kill(random.chance(0.5));
      await served.start();
    },
  },
  {
    name: 'worker-kill',
    kills: true,
    async run({ served, options }, random) {
      // One process is its own only worker.
      if (options.workers === 1) {
        await served.kill(true);
        await served.start();
        return;
      }
      const victim = random.pick(served.workers());
      process.kill(victim, 'SIGKILL');
      while (served.workers().includes(victim)) await sleep(10);
      await served.untilReady();
    },
  },
  {
    name: 'proxy-term',
    kills: false,
    async run({ served }) {
      await served.terminate();
      await served.start();
    },
  },
  {
    name: 'redis-stop',
    kills: false,
    async run(world, random) {
      const pid = await redisPid(world);
      process.kill(pid, 'SIGTERM');
      await between(random, 200, 1_500);
      await world.redis.restart();
    },
  },
  {
    name: 'redis-kill',
    kills: false,
    short: true,
    async run({ redis }, random) {
      await redis.kill();
      await between(random, 50, 1_000);
      await redis.restart();
    },
  },
  {
    name: 'redis-kill-everysec',
    kills: false,
    async run({ redis, withRedis }, random) {
      await withRedis((client) => client.config('SET', 'appendfsync', 'everysec'));
      await between(random, 300, 1_200);
      await redis.kill();
      await between(random, 50, 1_000);
      // It comes back with appendfsync always.
      await redis.restart();
    },
  },
  {
    name: 'redis-hang',
    kills: false,
    async run(world, random) {
      const pid = await redisPid(world);
      process.kill(pid, 'SIGSTOP');
      // Some hang longer than pgveil waits for an answer, so that it sends again what Redis will still take.
      await between(random, 500, random.chance(0.5) ? 2_000 : 16_000);
      process.kill(pid, 'SIGCONT');
    },
  },
  {
    name: 'network-cut',
    kills: false,
    async run({ network }, random) {
      network.cut();
      // Some outlast the time that pgveil waits for an answer.
      await between(random, 500, random.chance(0.5) ? 2_000 : 13_000);
      network.heal();
    },
  },
  {
    name: 'disk-full',
    kills: false,
    short: true,
    refuses: true,
    async run(world, random, load) {
      const free = fillDisk(world);
      if (world.options.durability === 'strict') await load.untilRefused(random);
      await between(random, 500, 1_500);
      free();
    },
  },
  {
    // What had run when the disk failed has its intent there and no more.
    name: 'disk-full-kill',
    kills: true,
    async run(world, random) {
      const free = fillDisk(world);
      await between(random, 300, 1_500);
      await world.served.kill(random.chance(0.5));
      free();
      await world.served.start();
    },
  },
  {
    name: 'connections-torn',
    kills: false,
    short: true,
    async run({ upstream }, random, load) {
      const before = upstream.torn;
      upstream.tear(random, 0.03);
      // Those who connect again are torn off too.
      for (let waves = 2 + random.below(5); waves > 0 || upstream.torn === before; waves--) {
        load.vanish(random);
        await between(random, 20, 150);
      }
      upstream.heal();
    },
  },
  {
    name: 'postgres-restart',
    kills: false,
    async run({ postgres }, random) {
      if (random.chance(0.5)) await postgres.kill();
      await postgres.restart();
    },
  },
];

/** Two or three at once, each begun at its own moment. */
export const combined: Fault = {
  name: 'combined',
  kills: true,
  async run(world, random, load) {
    // One of each group, since two faults must not start the same server at once.
    const groups = [
      ['proxy-kill', 'worker-kill', 'disk-full', 'disk-full-kill'],
      ['redis-kill', 'redis-stop', 'network-cut', 'redis-kill-everysec', 'redis-hang'],
      ['postgres-restart', 'connections-torn'],
    ];
    const chosen = groups
      .filter((_, group) => group < 2 || random.chance(0.4))
      .map((group) => random.pick(group));
    await Promise.all(
      chosen.map(async (name) => {
        await between(random, 0, 800);
        await faults.find((one) => one.name === name)!.run(world, random, load);
      }),
    );
  },
};

const failover: Fault = {
  name: 'redis-failover',
  kills: false,
  sentinel: true,
  run: ({ failingOver }) => failingOver!.failOver(),
};

export const allFaults: readonly Fault[] = [...faults, combined, failover];
