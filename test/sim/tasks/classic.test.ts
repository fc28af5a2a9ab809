/** Classic control keeps every promise of the contract. */

import { checkTask } from './contract.ts';

// Some of the poles are past saving after random pushes.
checkTask('cartpole', { golden: '3ceb11425f0f6d17', recovers: 0.75 });
checkTask('pendulum', { golden: '84d904c4bdf88228' });
checkTask('mountain-car', { golden: 'cb43db1c96355b7e' });
checkTask('mountain-car-continuous', { golden: 'a8978641f7123394' });
checkTask('acrobot', { golden: 'ff29eb9af71267fc' });
