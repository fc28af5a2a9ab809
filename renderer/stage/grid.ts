/** How many views stand side by side. Pure. */

/** By number of views, in a room that is wider than high; elsewhere rows and columns change places. */
const columns = [1, 2, 3, 2, 3, 3, 3, 3, 3] as const;

export function columnsOf(views: number, width: number, height: number): number {
  const across = columns[Math.min(views, columns.length) - 1] ?? 1;
  return width >= height * 0.8 ? across : Math.ceil(views / across);
}
