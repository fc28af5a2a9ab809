/** Over the episode list: the filter, quick picks, columns, the trash; and what is done to chosen episodes. */

import { ActionIcon, Button, Checkbox, Menu, Popover, Stack, Text, TextInput, Tooltip } from '@mantine/core';
import { memo, useEffect, useRef, useState } from 'react';
import {
  applyPreset,
  chooseNone,
  type EpisodeColumn,
  loadFacets,
  presets,
  setEpisodeQuery,
  setFilterText,
  setTag,
  targets,
  toggleStar,
  useEpisodes,
  withTrash,
} from '../state/episodes.ts';
import { Icon, type IconName } from './icons.tsx';

interface NamedColumn {
  readonly id: EpisodeColumn;
  readonly title: string;
  readonly help: string;
}

export const EpisodeFilter = memo(function EpisodeFilter({
  columns,
  shown,
  onDone,
}: {
  /** Beside those of reward terms. */
  readonly columns: readonly NamedColumn[];
  readonly shown: readonly EpisodeColumn[];
  /** The list should have the focus again. */
  readonly onDone: () => void;
}) {
  const filterText = useEpisodes((state) => state.filterText);
  const filterError = useEpisodes((state) => state.filterError);
  const wantsFilter = useEpisodes((state) => state.wantsFilter);
  const isTrash = useEpisodes((state) => state.query.trash === 'only');
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!wantsFilter) return;
    useEpisodes.setState({ wantsFilter: false });
    box.current?.focus();
    box.current?.select();
  }, [wantsFilter]);
  return (
    <div className="episode-filter">
      <TextInput
        ref={box}
        size="xs"
        aria-label="Filter episodes"
        placeholder="Filter: success:true return:>10"
        value={filterText}
        error={filterError}
        errorProps={{ role: 'alert', 'data-testid': 'episode-filter-error' }}
        onChange={(event) => setFilterText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && filterText !== '') setFilterText('', 0);
          else if (event.key === 'Escape' || event.key === 'ArrowDown') onDone();
          else if (event.key === 'Enter') {
            setFilterText(filterText, 0);
            onDone();
          } else return;
          event.preventDefault();
        }}
        spellCheck={false}
        autoComplete="off"
        rightSection={<FilterHelp />}
        data-testid="episode-filter"
      />
      <Menu position="bottom-end" shadow="md">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={30} aria-label="Quick picks" title="Quick picks">
            <Icon name="sort" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {presets.map((preset) => (
            <Menu.Item key={preset.id} title={preset.help} onClick={() => void applyPreset(preset)}>
              {preset.title[0]!.toUpperCase() + preset.title.slice(1)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <ColumnChooser columns={columns} shown={shown} />
      <Tooltip label={isTrash ? 'Back to the episodes' : 'Show the trash'}>
        <ActionIcon
          variant={isTrash ? 'light' : 'subtle'}
          color={isTrash ? 'blue' : 'gray'}
          size={30}
          aria-label="Show the trash"
          aria-pressed={isTrash}
          onClick={() => void setEpisodeQuery({ trash: isTrash ? 'without' : 'only' })}
          data-testid="episode-trash-view"
        >
          <Icon name="trash" />
        </ActionIcon>
      </Tooltip>
    </div>
  );
});

const example = { number: '>0', text: 'word*', boolean: 'true' } as const;

function FilterHelp() {
  const { fields, terms, tags } = useEpisodes((state) => state.facets);
  const add = (text: string): void => {
    const { filterText } = useEpisodes.getState();
    setFilterText(filterText.trim() === '' ? text : `${filterText.trim()} ${text}`);
  };
  return (
    <Popover
      position="bottom-end"
      width={380}
      shadow="md"
      trapFocus
      returnFocus
      onOpen={() => void loadFacets()}
    >
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label="What can be filtered by">
          ?
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="What can be filtered by">
        <Text size="xs">
          <code>success:true return:&gt;10</code> both; <code>OR</code>, <code>NOT</code> and brackets;{' '}
          <code>length:[50 TO 100]</code> a range; <code>*</code> stands for anything; a word alone is a tag
          or a part of a run’s name.
        </Text>
        <dl className="episode-fields" tabIndex={0}>
          {fields.map(({ name, kind, help }) => (
            <FieldLine key={name} text={`${name}:${example[kind]}`} help={help} onPick={add} />
          ))}
          {terms.map((term) => (
            <FieldLine
              key={term}
              text={`return.${term}:>0`}
              help="unweighted sum of this term"
              onPick={add}
            />
          ))}
          {tags.map((tag) => (
            <FieldLine key={tag} text={`tag:"${tag}"`} help="has this tag" onPick={add} />
          ))}
        </dl>
      </Popover.Dropdown>
    </Popover>
  );
}

function FieldLine({
  text,
  help,
  onPick,
}: {
  readonly text: string;
  readonly help: string;
  readonly onPick: (text: string) => void;
}) {
  return (
    <>
      <dt>
        <button
          type="button"
          className="episode-field"
          title="Add to the filter"
          onClick={() => onPick(text)}
        >
          {text}
        </button>
      </dt>
      <dd>{help}</dd>
    </>
  );
}

function ColumnChooser({
  columns,
  shown,
}: {
  readonly columns: readonly NamedColumn[];
  readonly shown: readonly EpisodeColumn[];
}) {
  const terms = useEpisodes((state) => state.facets.terms);
  const isOwn = useEpisodes((state) => state.columns !== null);
  const all: readonly NamedColumn[] = [
    ...columns,
    ...terms.map((term) => ({
      id: `return:${term}` as const,
      title: term,
      help: 'Unweighted sum of this reward term',
    })),
  ];
  return (
    <Popover
      position="bottom-end"
      width={230}
      shadow="md"
      trapFocus
      returnFocus
      onOpen={() => void loadFacets()}
    >
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" size={30} aria-label="Columns" title="Columns">
          <Icon name="columns" />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns">
        <Stack gap={6} mah={340} style={{ overflowY: 'auto' }}>
          {all.map(({ id, title, help }) => (
            <Checkbox
              key={id}
              size="xs"
              label={title}
              title={help}
              checked={shown.includes(id)}
              onChange={(event) => {
                const wanted = new Set(shown);
                if (event.currentTarget.checked) wanted.add(id);
                else wanted.delete(id);
                const known = all.map((one) => one.id);
                useEpisodes.setState({
                  // A term that another project has stays at the end.
                  columns: [...known.filter((one) => wanted.delete(one)), ...wanted],
                });
              }}
            />
          ))}
        </Stack>
        <Button
          size="compact-xs"
          variant="default"
          mt="xs"
          disabled={!isOwn}
          onClick={() => useEpisodes.setState({ columns: null })}
        >
          The usual ones
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}

/** What is done to the chosen episodes, or to the one of the keyboard. */
export const EpisodeActions = memo(function EpisodeActions() {
  const state = useEpisodes();
  const found = targets(state);
  if (found.length === 0) return null;
  const what = found.length === 1 ? `episode ${found[0]!.id}` : `${found.length} episodes`;
  const isTrash = state.query.trash === 'only';
  const allStarred = found.every(({ starred }) => starred);
  return (
    <span className="episode-actions" role="toolbar" aria-label={`For ${what}`}>
      <Action
        icon={allStarred ? 'starred' : 'star'}
        label={`${allStarred ? 'Take the star away' : 'Star'}: ${what} (S)`}
        onClick={() => void toggleStar()}
        testId="episodes-star"
      />
      <TagsButton what={what} />
      {isTrash ? (
        <Button
          size="compact-xs"
          variant="light"
          onClick={() => void withTrash()}
          data-testid="episodes-restore"
          title={`Out of the trash: ${what}`}
        >
          Restore
        </Button>
      ) : (
        <Action
          icon="trash"
          label={`Into the trash: ${what} (Delete)`}
          onClick={() => void withTrash()}
          testId="episodes-trash"
        />
      )}
      {state.chosen.size > 0 && (
        <Action icon="close" label="Choose none (Escape)" onClick={chooseNone} testId="episodes-none" />
      )}
    </span>
  );
});

function Action({
  icon,
  label,
  onClick,
  testId,
}: {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  readonly testId: string;
}) {
  return (
    <Tooltip label={label} openDelay={300}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={label}
        onClick={onClick}
        data-testid={testId}
      >
        <Icon name={icon} size={13} />
      </ActionIcon>
    </Tooltip>
  );
}

function TagsButton({ what }: { readonly what: string }) {
  const state = useEpisodes();
  const [text, setText] = useState('');
  const found = targets(state);
  const tags = [...new Set([...state.facets.tags, ...found.flatMap((episode) => episode.tags)])].sort();
  const add = (): void => {
    void setTag(text, true);
    setText('');
  };
  return (
    <Popover
      position="bottom-end"
      width={230}
      shadow="md"
      trapFocus
      returnFocus
      opened={state.tagsOpen}
      onChange={(tagsOpen) => useEpisodes.setState({ tagsOpen })}
    >
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={`Tags: ${what}`}
          title={`Tags: ${what}`}
          onClick={() => {
            useEpisodes.setState({ tagsOpen: !state.tagsOpen });
            void loadFacets();
          }}
          data-testid="episodes-tags"
        >
          <Icon name="tag" size={13} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label={`Tags: ${what}`}>
        <TextInput
          size="xs"
          aria-label="New tag"
          placeholder="New tag, then Enter"
          value={text}
          maxLength={200}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') add();
          }}
          data-autofocus
          data-testid="episodes-new-tag"
        />
        <Stack gap={6} mt={8} mah={240} style={{ overflowY: 'auto' }}>
          {tags.map((tag) => {
            const count = found.filter((episode) => episode.tags.includes(tag)).length;
            return (
              <Checkbox
                key={tag}
                size="xs"
                label={tag}
                checked={count === found.length}
                indeterminate={count > 0 && count < found.length}
                onChange={() => void setTag(tag, count < found.length)}
              />
            );
          })}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
