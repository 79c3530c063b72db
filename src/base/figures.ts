/** Figures as sentences carry them, pure; and what the memory is counted in. */

/** As the kernel and criu count memory on the machines that cnvms run on. */
export const PAGE_BYTES = 4096;

const MIB = 1024 * 1024;

/** 83.4 is "83 ms". */
export function msFigure(ms: number): string {
  return `${Math.round(ms)} ms`;
}

/** What is needed or left, never too little: 1572864 is "2 MiB". */
export function wholeMibFigure(bytes: number): string {
  return `${Math.ceil(Math.max(0, bytes) / MIB)} MiB`;
}

/** 1572864 is "1.5 MiB". */
export function mibFigure(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
