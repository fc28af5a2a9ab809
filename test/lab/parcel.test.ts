import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receiveMessageOnPort } from 'node:worker_threads';
import { type Parcel, unwrapper, wrap } from '../../lab/parcel.ts';
import type { FinishedEpisode } from '../../lab/recorder.ts';

/** An episode of so many steps whose columns of all types lie in one buffer, each aligned to 8 bytes. */
function episode(length: number): FinishedEpisode {
  const buffer = new ArrayBuffer(64 * (length + 1));
  let at = 0;
  const place = <T>(bytes: number, view: (at: number) => T): T => {
    const data = view(at);
    at += 8 * Math.ceil(bytes / 8);
    return data;
  };
  const columns = [
    { name: 'action', width: 2, data: place(16 * length, (at) => new Float64Array(buffer, at, 2 * length)) },
    { name: 'value', width: 1, data: place(4 * length, (at) => new Float32Array(buffer, at, length)) },
    { name: 'stateHash', width: 2, data: place(8 * length, (at) => new Uint32Array(buffer, at, 2 * length)) },
    { name: 'trueStage', width: 1, data: place(length, (at) => new Uint8Array(buffer, at, length)) },
  ];
  for (const { data } of columns) for (let i = 0; i < data.length; i++) data[i] = 3 * i + length;
  return {
    ...{
      task: 'push',
      kind: 'training',
      seed: 5,
      trainedSteps: 12,
      length,
      ending: 'truncated',
      success: true,
    },
    ...{
      finalProgress: 0.5,
      returnTotal: 2,
      returns: { 'task/near': 2 },
      rewardHash: null,
      checksum: 'c0ffee',
    },
    columns,
  };
}

test('episodes of several lengths come out of their parcels as they went in, on the other side of a port', () => {
  const { port1, port2 } = new MessageChannel();
  const sent = [episode(3), episode(3), episode(4), episode(0), episode(3)];
  const parcels = sent.map(({ columns, ...rest }) =>
    wrap({ ...rest, columns: structuredClone(columns) as FinishedEpisode['columns'] }),
  );
  port1.postMessage(
    parcels,
    parcels.map(({ buffer }) => buffer),
  );
  assert.deepEqual(
    parcels.map(({ buffer }) => buffer.byteLength),
    parcels.map(() => 0),
  );
  const received = receiveMessageOnPort(port2 as never)!.message as Parcel[];
  assert.deepEqual(received.map(unwrapper()), sent);
  port1.close();
});

test('an episode whose columns lie apart is refused by name', () => {
  const whole = episode(3);
  const columns = [...whole.columns, { name: 'learned/sarm', width: 1, data: new Float32Array(4) }];
  assert.throws(
    () => wrap({ ...whole, columns }),
    /Column learned\/sarm: found memory of its own, wanted one buffer for all/,
  );
});
