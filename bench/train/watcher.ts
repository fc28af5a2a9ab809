/**
 * What a window that follows a run asks of the lab, from a thread of its own over the WebSocket: all that is new, as soon
 * as it is new, and the newest training episode whole, as often as one has been watched in real time.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { WebSocket } from 'ws';
import type { LabContract } from '../../lab/api.ts';
import { carriedBytes } from '../../lab/carry.ts';

const { address } = workerData as { address: string };
const socket = new WebSocket(address);
const client: ContractRouterClient<LabContract> = createORPCClient(
  new RPCLink({
    websocket: socket as unknown as globalThis.WebSocket,
    customJsonSerializers: [carriedBytes],
  }),
);
let [cursor, episodes, bytes, busyUntil] = [0, 0, 0, 0];
parentPort!.on('message', () => {
  parentPort!.postMessage({ episodes, bytes });
  socket.terminate();
  process.exit();
});
for (;;) {
  const news = await client.watch({ cursor, waitMs: 1000 });
  cursor = news.cursor;
  bytes += JSON.stringify(news).length;
  const newest = news.events.findLast((event) => event.type === 'episode');
  if (newest?.type !== 'episode' || performance.now() < busyUntil) continue;
  const opened = await client.episodes.open({ id: newest.episode.id });
  episodes++;
  bytes += opened.data.length;
  busyUntil = performance.now() + 1000 * opened.controlDt * opened.episode.length;
}
