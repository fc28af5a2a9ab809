/**
 * Gives canvases this size in CSS pixels, at the fineness of the screen up to twice. False where there is no room: nothing was changed.
 * A resized canvas is blank until it is drawn.
 */
export function fitCanvases(canvases: readonly HTMLCanvasElement[], width: number, height: number): boolean {
  if (width === 0 || height === 0) return false;
  const ratio = Math.min(devicePixelRatio, 2);
  for (const canvas of canvases) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  return true;
}
