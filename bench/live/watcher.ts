/** A window that watches the worlds of a run, from a thread of its own over the WebSocket; on and off by message. */

import { parentPort, workerData } from 'node:worker_threads';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { WebSocket } from 'ws';
import type { LabContract } from '../../lab/api.ts';
import { carriedBytes } from '../../lab/carry.ts';
import { unpack } from '../../lab/pack.ts';

const { address, runId, worlds } = workerData as { address: string; runId: number; worlds: number };
const socket = new WebSocket(address);
const client: ContractRouterClient<LabContract> = createORPCClient(
  new RPCLink({
    websocket: socket as unknown as globalThis.WebSocket,
    customJsonSerializers: [carriedBytes],
  }),
);
let [isOn, since, bytes, snapshots] = [false, 0, 0, 0];

async function watch(): Promise<void> {
  while (isOn) {
    const frame = await client.live.frame({ runId, worlds, since, waitMs: 200 });
    since = frame.sequence;
    if (frame.data === null || !isOn) continue;
    unpack(frame.data);
    bytes += frame.data.length;
    snapshots++;
  }
}

parentPort!.on('message', (message: 'on' | 'off' | 'end') => {
  if (message === 'end') {
    socket.terminate();
    process.exit();
  }
  isOn = message === 'on';
  if (isOn) void watch();
  else {
    parentPort!.postMessage({ bytes, snapshots });
    [bytes, snapshots] = [0, 0];
  }
});
