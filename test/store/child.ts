/** Another process on a project: `node child.ts hold|write|measure|open|read FOLDER [MOST]`. Prints one line a thing done. */

import { openStore } from '../../store/index.ts';
import { episode, run } from './support.ts';

const [verb, directory, most] = process.argv.slice(2) as [
  'hold' | 'write' | 'measure' | 'open' | 'read',
  string,
  string?,
];

try {
  const store = openStore(directory, { mode: verb === 'read' ? 'read' : 'write' });
  if (verb === 'write') {
    const runId = store.runs.create({ ...run, status: 'running' });
    console.log(`run ${runId}`);
    for (let seed = 0; ; seed++) {
      const id = store.episodes.add(
        episode(runId, {
          seed,
          length: 400,
          columns: [
            {
              name: 'states',
              width: 24,
              data: Float64Array.from({ length: 9600 }, (_, i) => Math.sin(i * seed)),
            },
          ],
        }),
      );
      // Reported only after the transaction is in; written at once, for the next moment may be the last.
      process.stdout.write(`${id} ${seed}\n`);
    }
  }
  if (verb === 'measure') {
    let last = 0;
    for (let n = 0; n < Number(most); n++) {
      last = store.oldEpisodes.measure(last, 0)!.last;
      process.stdout.write(`${last}\n`);
    }
    // Until it is killed.
    process.stdin.resume();
  }
  if (verb === 'read') {
    const { ok, problems } = store.health({ full: true });
    console.log(`${store.episodes.list().total} episodes, ${ok ? 'healthy' : problems.join('; ')}`);
  } else if (verb !== 'measure') {
    console.log('open');
  }
  if (verb === 'hold') process.stdin.resume().on('end', () => store.close());
  else if (verb !== 'measure') store.close();
} catch (error) {
  console.log(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
