/** What every picture of figures is made of. Pure. */

/** A figure in an attribute: a tenth of a pixel is seen by nobody. */
export const fixed = (figure: number): string => figure.toFixed(1);

export function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
}

/** From 0 to `most` or just beyond it, in some five to ten even steps. */
export function ticksTo(most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(most / 5));
  const step = ([1, 2, 5].find((factor) => most / (factor * power) <= 10) ?? 10) * power;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
}
