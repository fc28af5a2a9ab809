/** The documentation that comes with the lab: a list of pages to search, and the page. */

import { ActionIcon, Anchor, ScrollArea, Select, Text } from '@mantine/core';
import { type ComponentProps, useEffect, useRef } from 'react';
import Markdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { useConnection } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { goBack, linkOf, openFirstPage, openPage, useDocs } from '../state/docs.ts';
import './docs.css';

/** As GitHub names the headings of a page. */
const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-');

const textOf = (node: unknown): string => {
  if (typeof node === 'string' || typeof node === 'number') return String(node);
  if (Array.isArray(node)) return node.map(textOf).join('');
  const inner = (node as { readonly props?: { readonly children?: unknown } } | null)?.props?.children;
  return inner === undefined ? '' : textOf(inner);
};

export function DocsPanel() {
  const { pages, open, before, error } = useDocs();
  const isConnected = useConnection((state) => state.status === 'open');
  const top = useRef<HTMLDivElement>(null);
  const isEmpty = open === null && error === null;
  useEffect(() => {
    if (isConnected && isEmpty) openFirstPage();
  }, [isConnected, isEmpty]);
  const path = open?.path ?? '';
  useEffect(() => {
    // Another page begins at its top.
    if (path !== '') top.current?.scrollIntoView();
  }, [path]);
  return (
    <div className="panel-column" data-testid="docs">
      <div className="list-bar">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="The page before"
          disabled={before.length === 0}
          onClick={() => void goBack()}
        >
          <Icon name="arrowLeft" size={13} />
        </ActionIcon>
        <Select
          size="xs"
          className="grow"
          searchable
          aria-label="Page"
          nothingFoundMessage="No page has such a title"
          data={pages.map((page) => ({ value: page.path, label: `${page.title} (${page.path})` }))}
          value={open?.path ?? null}
          onChange={(value) => {
            if (value !== null) void openPage(value);
          }}
          maxDropdownHeight={360}
        />
      </div>
      {error !== null && (
        <Text size="sm" c="red" p="md" role="alert">
          {error}
        </Text>
      )}
      <ScrollArea className="docs-scroll" viewportProps={{ tabIndex: 0, 'aria-label': 'Page' }}>
        <div ref={top} />
        {open && (
          <article className="docs-page">
            <Markdown
              remarkPlugins={[remarkGfm]}
              components={{
                a: (props) => <PageLink page={open.path} {...props} />,
                // Pictures are not carried over the wire; their text says what they show.
                img: ({ alt }) => <Text span size="sm" c="dimmed">{`[picture: ${alt ?? ''}]`}</Text>,
                h2: ({ children }) => <h2 id={`docs-${slug(textOf(children))}`}>{children}</h2>,
                h3: ({ children }) => <h3 id={`docs-${slug(textOf(children))}`}>{children}</h3>,
                pre: ({ children }) => (
                  // biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll by keyboard, too
                  <pre tabIndex={0}>{children}</pre>
                ),
                table: ({ children }) => (
                  // biome-ignore lint/a11y/noNoninteractiveTabindex: wide tables scroll by keyboard, too
                  <section className="docs-table" tabIndex={0} aria-label="Table">
                    <table>{children}</table>
                  </section>
                ),
              }}
            >
              {open.markdown}
            </Markdown>
          </article>
        )}
      </ScrollArea>
    </div>
  );
}

function PageLink({ page, href = '', children }: ComponentProps<'a'> & { readonly page: string }) {
  const link = linkOf(page, href);
  switch (link.type) {
    case 'none':
      return <span>{children}</span>;
    case 'outside':
      return (
        <Anchor href={link.url} target="_blank" rel="noreferrer" fz="inherit">
          {children}
        </Anchor>
      );
    case 'page':
      return (
        <Anchor component="button" type="button" fz="inherit" onClick={() => void openPage(link.path)}>
          {children}
        </Anchor>
      );
    case 'anchor':
      return (
        <Anchor
          component="button"
          type="button"
          fz="inherit"
          onClick={() => document.getElementById(`docs-${link.id}`)?.scrollIntoView()}
        >
          {children}
        </Anchor>
      );
  }
}
