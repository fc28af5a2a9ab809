/** The tasks of the arm keep every promise of the contract. */

import { checkTask, type TaskPromise } from './contract.ts';

const goalAway: TaskPromise['impossible'] = [
  [
    { goalDistanceMin: 0.2, goalDistanceMax: 0.15, goalRadius: 0.01 },
    /goalDistanceMin is 0.2, wanted at most goalDistanceMax \(0.15\)/,
  ],
  [{ goalRadius: 0.2 }, /goalRadius is 0.2, wanted less than goalDistanceMin/],
];

checkTask('reach', { golden: 'a2daab35895aeb24', impossible: goalAway });
checkTask('push', { golden: 'b354041ad1d9814a', impossible: goalAway });
checkTask('pick-place', { golden: '58a8c806c895d113', impossible: goalAway });
