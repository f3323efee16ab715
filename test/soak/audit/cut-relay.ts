/**
 * The network between the proxy and Redis, which can be cut without anybody being told: no FIN, no RST, as when a cable
 * is pulled. New connections are taken and hear nothing either.
 */
import { startRelay, type Relay } from '../../support/relay.js';

export interface CutRelay {
  readonly port: number;
  /** From now on bytes vanish. */
  cut(): void;
  /** Connections that lived through the cut stay dead, as with a firewall that has forgotten them; new ones work. */
  heal(): void;
  stop(): Promise<void>;
}

export async function startCutRelay(target: { host: string; port: number }): Promise<CutRelay> {
  let isCut = false;
  const relay: Relay = await startRelay(target, {
    keepsBytes: false,
    intercept: () => isCut,
    interceptAnswer: () => isCut,
  });
  return {
    port: relay.port,
    cut: () => void (isCut = true),
    heal: () => void (isCut = false),
    stop: () => relay.stop(),
  };
}
