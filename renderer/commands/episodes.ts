/** What can be done to the episodes that are chosen in the list. The list has keys of its own for it while it has the focus. */

import { applyPreset, presets, targets, toggleStar, useEpisodes, withTrash } from '../state/episodes.ts';
import { focusPanel } from '../state/layout.ts';
import type { Command } from './index.ts';

function filterEpisodes(): void {
  focusPanel('episodes');
  useEpisodes.setState({ wantsFilter: true });
}

function editTags(): void {
  if (targets().length === 0) return;
  focusPanel('episodes');
  useEpisodes.setState({ tagsOpen: true });
}

export const episodeCommands: readonly Command[] = [
  {
    id: 'filter-episodes',
    title: 'Filter episodes',
    group: 'Episodes',
    shortcuts: ['/'],
    run: filterEpisodes,
  },
  {
    id: 'star-episodes',
    title: 'Star the chosen episodes, or take the stars away',
    help: 'S in the episode list',
    group: 'Episodes',
    shortcuts: [],
    run: () => void toggleStar(),
  },
  {
    id: 'tag-episodes',
    title: 'Tags of the chosen episodes',
    group: 'Episodes',
    shortcuts: [],
    run: editTags,
  },
  {
    id: 'trash-episodes',
    title: 'Put the chosen episodes into the trash, or back',
    help: 'Delete in the episode list; nothing is deleted',
    group: 'Episodes',
    shortcuts: [],
    run: () => void withTrash(),
  },
  ...presets.map((preset) => ({
    id: `episodes-${preset.id}`,
    title: `Episodes: ${preset.title}`,
    help: preset.help,
    group: 'Episodes' as const,
    shortcuts: [],
    run: () => {
      focusPanel('episodes');
      void applyPreset(preset);
    },
  })),
];
