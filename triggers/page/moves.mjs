// Where keys move the focus in a list or in a grid of cells.

/**
 * The place in a list of `count` rows; null for a key that does not move. Without a place yet, the
 * arrows go to the last row.
 * @param {string} key
 * @param {number | null} here
 * @param {number} count
 * @param {number} page so many rows are visible
 */
export function moveInList(key, here, count, page) {
  const from = here ?? count - 1;
  const step = here === null ? 0 : 1;
  switch (key) {
    case "ArrowDown":
      return within(from + step, count);
    case "ArrowUp":
      return within(from - step, count);
    case "PageDown":
      return within(from + page, count);
    case "PageUp":
      return within(from - page, count);
    case "Home":
      return within(0, count);
    case "End":
      return within(count - 1, count);
    default:
      return null;
  }
}

/**
 * The place in a grid of `count` cells; null for a key that does not move.
 * @param {string} key
 * @param {number} here
 * @param {number} count
 * @param {number} columns
 */
export function moveInGrid(key, here, count, columns) {
  switch (key) {
    case "ArrowLeft":
      return within(here - 1, count);
    case "ArrowRight":
      return within(here + 1, count);
    case "ArrowUp":
      return within(here - columns, count);
    case "ArrowDown":
      return within(here + columns, count);
    case "Home":
      return within(0, count);
    case "End":
      return within(count - 1, count);
    default:
      return null;
  }
}

/**
 * @param {number} place
 * @param {number} count
 */
function within(place, count) {
  return Math.max(0, Math.min(count - 1, place));
}
