/** What stands in a tab of the dock: its panel, made when the tab first comes to the front and kept from then on. */

import type { IDockviewPanelProps } from 'dockview-react';
import { type FunctionComponent, useRef, useSyncExternalStore } from 'react';
import { CrashCard } from './crash-card.tsx';

type TabApi = IDockviewPanelProps['api'];

/** The dock makes every tab at once; most of them nobody looks at, and each would ask the lab, open a WebGL context or lay out a graph. */
function useSeen(api: TabApi): boolean {
  const isVisible = useSyncExternalStore(
    (listener) => {
      const { dispose } = api.onDidVisibilityChange(listener);
      return dispose;
    },
    () => api.isVisible,
  );
  const seen = useRef(false);
  seen.current ||= isVisible;
  return seen.current;
}

export function PanelFrame({
  api,
  title,
  panel: Panel,
}: {
  readonly api: TabApi;
  readonly title: string;
  readonly panel: FunctionComponent;
}) {
  if (!useSeen(api)) return null;
  return (
    <CrashCard title={title}>
      <Panel />
    </CrashCard>
  );
}
