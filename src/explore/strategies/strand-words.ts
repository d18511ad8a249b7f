/** Room for `strand` in an array with a word per strand; strands beyond the first 64 make it grow, once. */
export function withRoomFor(words: Int32Array<ArrayBuffer>, strand: number): Int32Array<ArrayBuffer> {
  if (strand < words.length) return words;
  let length = words.length;
  while (length <= strand) length *= 2;
  const larger = new Int32Array(length);
  larger.set(words);
  return larger;
}

/** Strands there is room for at the start. */
export const STRANDS_AT_FIRST = 64;
