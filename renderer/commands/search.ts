/** Whether the palette is open. Apart from the palette itself, which is fetched later. */

import { createSpotlight } from '@mantine/spotlight';

export const [searchStore, search] = createSpotlight();
