/** Words of others, which may be of any length, kept to what people read. */

/** The text, or its beginning and an ellipsis. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  // Not within a character: half of one is no text, and cannot be sent.
  return `${text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '')} …`;
}
