/** Most characters of a tag. */
export const longestTag = 60;

/** Without spaces around it. @throws RangeError when there is none left, or too much. */
export function cleanTag(text: string): string {
  const tag = text.trim();
  if (tag === '' || tag.length > longestTag) {
    throw new RangeError(`Tag "${text}": found ${tag.length} characters, wanted 1 to ${longestTag}`);
  }
  return tag;
}
