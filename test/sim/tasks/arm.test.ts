/** The tasks of the arm keep every promise of the contract. */

import { checkTask, type TaskPromise } from './contract.ts';

const goalAway: TaskPromise['impossible'] = [
  [
    { goalDistanceMin: 0.2, goalDistanceMax: 0.15, goalRadius: 0.01 },
    /goalDistanceMin is 0.2, wanted at most goalDistanceMax \(0.15\)/,
  ],
  [{ goalRadius: 0.2 }, /goalRadius is 0.2, wanted less than goalDistanceMin/],
];

checkTask('reach', { golden: '8adfbf6c23e6f9e8', impossible: goalAway });
checkTask('push', { golden: 'fb4c4e8f8524c66f', impossible: goalAway });
checkTask('pick-place', { golden: '8810326470474af0', impossible: goalAway });
checkTask('drawer', { golden: '2bd647d6f04a08f3' });
checkTask('door', { golden: '6d27da1aae61e560' });
checkTask('button-sequence', { golden: 'e24ff2b5d88aa073' });
// A peg that was dropped and lies cannot be put up again by a hand without a wrist; at first it is held, so nobody has to grasp it.
checkTask('peg', { golden: '36f50f71faa30aee', recovers: 0.6, skipped: ['grasp'] });
checkTask('tool', { golden: '9ed6e1d7a3228ed8' });
checkTask('sort', { golden: '377deacc1b3ecb14' });
checkTask('slide', {
  golden: 'f0101bf572939424',
  // One shot, and the tremble of the hand goes with it.
  noisy: 0.55,
  impossible: [
    [
      { goalDistanceMin: 0.34, goalDistanceMax: 0.3 },
      /goalDistanceMin is 0.34, wanted at most goalDistanceMax/,
    ],
    [{ friction: 0.02 }, /goalDistanceMax is 0.34, wanted at most 0.290/],
    [{ randomisation: 1 }, /goalDistanceMax is 0.34, wanted at most 0.237/],
  ],
});
checkTask('stack', { golden: '8f4b9b671a71a7b9' });
// A pull near its end drags the whole chain along, before it is changed for one at the other end.
checkTask('rope', { golden: 'd58cb824995db4e1', drop: 0.2 });
