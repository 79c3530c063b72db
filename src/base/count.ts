/** The largest count that is believed. Rounded, an epoch would be another one: so far below, it can be counted on from. */
export const COUNT_MAX = 2 ** 52;
