/** The few pictures we need, drawn here; 16 units wide, in the colour of the text. */

const paths = {
  play: 'M4.5 2.6v10.8L13 8z',
  pause: 'M4 2.5h3v11H4zM9 2.5h3v11H9z',
  stepForward: 'M3 3l6 5-6 5zM10.5 3h2v10h-2z',
  stepBack: 'M13 3L7 8l6 5zM3.5 3h2v10h-2z',
  plus: 'M7.2 2.5h1.6v4.7h4.7v1.6H8.8v4.7H7.2V8.8H2.5V7.2h4.7z',
  minus: 'M2.5 7.2h11v1.6h-11z',
  close: 'M3.6 2.5L8 6.9l4.4-4.4 1.1 1.1L9.1 8l4.4 4.4-1.1 1.1L8 9.1l-4.4 4.4-1.1-1.1L6.9 8 2.5 3.6z',
  stop: 'M3.5 3.5h9v9h-9z',
  starred: 'M8 1.6l2 4.2 4.6.6-3.4 3.2.9 4.6L8 12l-4.1 2.2.9-4.6L1.4 6.4 6 5.8z',
} as const;

const strokes = {
  loop: 'M3 7V6a3 3 0 0 1 3-3h6.5M10.5 1l2.2 2-2.2 2M13 9v1a3 3 0 0 1-3 3H3.5M5.5 15l-2.2-2 2.2-2',
  live: 'M8 8h.01M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.1 12.9a7 7 0 0 1 0-9.8M12.9 3.1a7 7 0 0 1 0 9.8',
  compare: 'M2 3h5v10H2zM9 3h5v10H9z',
  ghosts: 'M3 14V7a5 5 0 0 1 10 0v7l-1.7-1.5L9.7 14 8 12.5 6.3 14l-1.6-1.5zM6.3 7h.01M9.7 7h.01',
  align: 'M2 3.5h12M2 12.5h12M4 3.5l2 9M8 3.5v9M13 3.5l-3 9',
  inPoint: 'M6.5 2.5h-3v11h3M6.5 8H13M10 5.5L12.8 8 10 10.5',
  outPoint: 'M9.5 2.5h3v11h-3M9.5 8H3M6 5.5L3.2 8 6 10.5',
  stack: 'M2 13.5V9l4-2 4 1.5 4-3v8zM2 9l4 1.5 4-.5 4 1.5',
  table: 'M2 3h12v10H2zM2 6.3h12M2 9.6h12M6.5 3v10',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9L13 13M3 13l1.1-1.1M11.9 4.1L13 3',
  moon: 'M13.5 9.6A6 6 0 1 1 6.4 2.5a4.8 4.8 0 0 0 7.1 7.1z',
  system: 'M2 3h12v8H2zM5.5 14h5M8 11v3',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3L14 14',
  keyboard: 'M1.5 4h13v8.5h-13zM4 6.5h.01M6.6 6.5h.01M9.3 6.5h.01M12 6.5h.01M4.5 9.8h7',
  check: 'M2.5 8.5l3.5 3.5 7.5-8',
  cross: 'M4 4l8 8M12 4l-8 8',
  reset: 'M3 8a5 5 0 1 0 1.6-3.7M3 2.5v3h3',
  undo: 'M3 6h6.5a3.5 3.5 0 0 1 0 7H6M6 3L3 6l3 3',
  redo: 'M13 6H6.5a3.5 3.5 0 0 0 0 7H10M10 3l3 3-3 3',
  swap: 'M2 5.5h11M10.5 3l2.5 2.5L10.5 8M14 10.5H3M5.5 8L3 10.5 5.5 13',
  shield: 'M8 1.8l5 1.9v4c0 3-2.1 5.4-5 6.5-2.9-1.1-5-3.5-5-6.5v-4zM5.8 8l1.6 1.6L10.4 6.4',
  arrowLeft: 'M13 8H3M7 4L3 8l4 4',
  arrowRight: 'M3 8h10M9 4l4 4-4 4',
  arrowUp: 'M8 13V3M4 7l4-4 4 4',
  arrowDown: 'M8 3v10M4 9l4 4 4-4',
  enlarge: 'M9.5 2.5h4v4M13.5 2.5L9 7M6.5 13.5h-4v-4M2.5 13.5L7 9',
  menu: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  layout: 'M2 3h12v10H2zM6 3v10M6 9h8',
  sliders: 'M2 4.5h6M12 4.5h2M2 11.5h2M8 11.5h6M10 2.5v4M6 9.5v4',
  pin: 'M6 2h4l-.6 4.2L12 8.5v1.3H4V8.5l2.6-2.3zM8 10v4',
  chevron: 'M6 3.5L10.5 8 6 12.5',
  camera: 'M1.8 4.8h2.9L6 3h4l1.3 1.8h2.9v8.2H1.8zM8 6.3a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8',
  fork: 'M4 2.5v11M4 8.5c0-3 7-1.5 7-5M8.8 5.2L11 3l2.2 2.2',
  hand: 'M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M8 8v6M8 8L2.6 5.8M8 8l5.4-2.2',
  minus: 'M3 8h10',
  star: 'M8 1.9l1.9 4 4.3.6-3.2 3 .8 4.3L8 11.7l-3.8 2.1.8-4.3-3.2-3 4.3-.6z',
  tag: 'M2 2.5h5.5l6.5 6.5-5 5L2.5 7.5zM5 5.5h.01',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9h6.6l.7-9M6.7 7v4M9.3 7v4',
  sort: 'M2 4h9M2 8h6M2 12h3M12.5 6.5v7M10.5 11.5l2 2 2-2',
  columns: 'M2 3h12v10H2zM6 3v10M10 3v10',
  warning: 'M8 2L14.5 13.5h-13zM8 6.5v3M8 11.5h.01',
} as const;

export type IconName = keyof typeof paths | keyof typeof strokes;

export function Icon({ name, size = 15 }: { readonly name: IconName; readonly size?: number }) {
  const isFilled = name in paths;
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {isFilled ? (
        <path d={paths[name as keyof typeof paths]} fill="currentColor" />
      ) : (
        <path
          d={strokes[name as keyof typeof strokes]}
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      )}
    </svg>
  );
}
