import './parts/locale.ts';
import '@mantine/core/styles.layer.css';
import '@mantine/notifications/styles.layer.css';
import '@mantine/spotlight/styles.layer.css';
import 'dockview-react/dist/styles/dockview.css';
import 'uplot/dist/uPlot.min.css';
import './style.css';

import {
  createTheme,
  localStorageColorSchemeManager,
  MantineProvider,
  Menu,
  Modal,
  Notification,
} from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { connect } from './lab.ts';
import { fetchLater } from './parts/later.tsx';
import { dressViews } from './stage/dressing.ts';
import { followAddress } from './state/address.ts';
import { keepInStep } from './state/sync.ts';

const theme = createTheme({
  // Fonts of the system: nothing is fetched, and the tool looks at home.
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace',
  primaryColor: 'blue',
  // White text on it needs 4.5 to 1.
  primaryShade: 8,
  defaultRadius: 'sm',
  // Less motion is a matter of style.css. Told of it here, the library keeps the elements of every menu that was ever open.
  respectReducedMotion: false,
  components: {
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } }),
    // An element of the library's own that takes the first focus is no entry of a menu: screen readers stumble over it.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    // A menu in a menu lies in the element of the first, which may scroll: only `fixed` is not cut off by it. It opens to the other
    // side where there is no room for it; pushed aside it would lie over the first.
    MenuSub: {
      defaultProps: { floatingStrategy: 'fixed', middlewares: { flip: true, shift: true } },
    },
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } }),
  },
  colors: {
    // Cooler and quieter than the library's greys: data has the colours here.
    dark: [
      '#d3d8e0',
      '#b3bac6',
      '#8b95a5',
      '#626c7c',
      '#3a424f',
      '#2b323d',
      '#20262f',
      '#171b21',
      '#12151a',
      '#0d1014',
    ],
  },
});

connect();
void keepInStep();
dressViews();
followAddress();
void fetchLater();

createRoot(document.getElementById('root')!).render(
  <MantineProvider
    theme={theme}
    defaultColorScheme="auto"
    colorSchemeManager={localStorageColorSchemeManager({ key: 'reward-lab.scheme' })}
  >
    <Notifications position="bottom-right" limit={4} autoClose={6000} />
    <App />
  </MantineProvider>,
);
