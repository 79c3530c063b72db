/** Words of others, which may be of any length and no text at all, kept to what people read and headers carry. */

/** Halves of characters, which JSON can spell and no encoding can send. */
const HALVES = /\p{Surrogate}/gu;

/** The text, or its beginning and an ellipsis. */
export function cutText(text: string, max: number): string {
  return (text.length <= max ? text : `${text.slice(0, max)} …`).replace(HALVES, '\uFFFD');
}
