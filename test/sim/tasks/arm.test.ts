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
checkTask('push', { golden: '051f1bfdf51eff00', impossible: goalAway });
checkTask('pick-place', { golden: 'bf668220b59482e9', impossible: goalAway });
