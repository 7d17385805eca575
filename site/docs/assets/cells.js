// The cells of a table's data. The build writes the text of every cell (pages/board_table.py), so
// nothing is rounded here. A text is a string, what is unknown null, a figure an array:
// [value, text, low, high, interval as text, note], without its empty end.
import { UNKNOWN, escapeHtml } from "./format.js";

export const HEAD = 4; // page, provenance, licence and completeness come before a row's cells

// For sorting: the number of a figure, or the text.
export const valueOf = (cell) => (Array.isArray(cell) ? cell[0] : cell);
export const textOf = (cell) => (Array.isArray(cell) ? cell[1] : cell ?? UNKNOWN);

export const isPredicted = (cell) => Array.isArray(cell) && (cell[5] ?? "").startsWith("predicted");

// For comparing and sorting: a prediction is no figure of the model's.
export const knownOf = (cell) => (isPredicted(cell) ? null : valueOf(cell));

// As the macro `cell` of board.html.
export const cellHtml = (cell, column) => {
  const text = escapeHtml(textOf(cell));
  if (cell === null || column.form !== "figure") return text;
  const [, , , , interval, note] = cell;
  const small = [interval, note].filter(Boolean).map((part) => `<small>${escapeHtml(part)}</small>`);
  return `<span${isPredicted(cell) ? ' class="predicted"' : ""}>${text}</span>${small.join("")}`;
};

// As the rows of board.html. columns: [column, place in the row], the first of which is the name.
export const rowHtml = (row, columns, root) => {
  const [page, provenance] = row;
  const cells = columns.slice(1).map(([column, place]) =>
    `<td${column.form === "text" ? "" : ' class="n"'}>${cellHtml(row[place], column)}</td>`);
  return `<tr class="${provenance}"><th scope="row"><a href="${root}${escapeHtml(page)}">${breakable(row[HEAD])}</a></th>${cells.join("")}</tr>`;
};

// A table in a frame that scrolls. heads, lines: as HTML.
export const tableHtml = (id, label, caption, heads, lines) =>
  `<div class="board-scroll" tabindex="0" role="region" aria-label="${label}"><table class="board wide" id="${id}">` +
  `<caption><span>${escapeHtml(caption)}</span></caption><thead><tr>${heads.join("")}</tr></thead><tbody>${lines.join("")}</tbody></table></div>`;

// A name that may break after its slashes.
export const breakable = (name) => escapeHtml(name).replaceAll("/", "/<wbr>");
