// The cells of a table's data: the same rules as compression_leaderboard/pages/board_table.py.
import { UNKNOWN, count, escapeHtml, number } from "./format.js";

export const HEAD = 4; // page, provenance, licence and completeness stand before a row's cells

export const pointOf = (cell) => (Array.isArray(cell) ? cell[0] : cell ?? null);

export const isPredicted = (cell) =>
  Array.isArray(cell) && typeof cell[3] === "string" && cell[3].startsWith("predicted");

// For comparing and sorting: a prediction is no figure of the model's.
export const knownOf = (cell) => (isPredicted(cell) ? null : pointOf(cell));

const figureHtml = (cell, column) => {
  const [value, low, high, mark] = cell;
  const shown = (one) => number(one === null ? null : column.scale * one, column.digits);
  let html = isPredicted(cell)
    ? `<span class="predicted">≈ ${shown(value)}</span>`
    : `<span>${shown(value)}</span>`;
  if (low !== null && low !== undefined) html += `<small>${shown(low)}–${shown(high)}</small>`;
  return mark ? `${html}<small>${escapeHtml(mark)}</small>` : html;
};

export const cellHtml = (cell, column) => {
  if (cell === null || cell === undefined) return UNKNOWN;
  if (column.form === "rank") return cell[0] === cell[1] ? `${cell[0]}` : `${cell[0]}–${cell[1]}`;
  if (column.form === "count") return count(cell);
  if (column.form === "seconds") return number(cell, 0);
  if (column.form === "text") return escapeHtml(cell);
  return figureHtml(Array.isArray(cell) ? cell : [cell], column);
};
