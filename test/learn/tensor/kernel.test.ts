import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { checkCompute } from './contract.ts';

checkCompute('kernel', () => openKernel({ threads: 1 }));
