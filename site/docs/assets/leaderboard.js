// The leaderboard's table: filters, sorting, columns, the state in the address, download.
// The page holds the first rows; the others are fetched when something is first asked for.
import { HEAD, isPredicted, knownOf, rowHtml, textOf, valueOf } from "./cells.js";
import { counted, csvLine, download, escapeHtml, fetchJson, spellOut, writeQuery } from "./format.js";
import { watchPoints } from "./points.js";

const STEP = 50;

const section = document.querySelector("[data-board]");
const form = section.querySelector("form");
const table = section.querySelector("table");
const root = section.dataset.root;
const chooser = [...form.querySelectorAll("[name=column]")];
const columnsNow = () => // encoded, since a name may hold commas
  chooser.filter((box) => box.checked).map((box) => encodeURIComponent(box.value));
const initialColumns = columnsNow().join();

let data = null; // columns and rows, once fetched
let sort = null; // [key, 1 or -1]
let limit = STEP;

const load = async () => {
  data = await fetchJson(section.dataset.board);
  for (const column of data.columns) column.key = spellOut(column.key); // as in the page's head
};

const headHtml = ([column]) => {
  const unit = column.unit ? `<small>${escapeHtml(column.unit)}</small>` : "";
  const label = escapeHtml(column.label);
  return `<th scope="col" data-key="${escapeHtml(column.key)}" data-label="${label}"${column.form === "text" ? "" : ' class="n"'}>` +
    `<button type="button">${label}</button>${unit}</th>`;
};

// The heading is made anew only for other columns, so that a button keeps the focus.
const showHead = (columns) => {
  const row = table.tHead.rows[0];
  const shown = [...row.cells].map((cell) => cell.dataset.key);
  if (shown.join() !== columns.map(([column]) => column.key).join()) row.innerHTML = columns.map(headHtml).join("");
  for (const cell of row.cells) {
    if (sort && sort[0] === cell.dataset.key) cell.ariaSort = sort[1] > 0 ? "ascending" : "descending";
    else cell.removeAttribute("aria-sort");
  }
};

const placeOf = (key) => data.columns.findIndex((column) => column.key === key) + HEAD;

// Keeps the rows that every filter lets through.
const keptBy = (filters) => {
  const find = (filters.get("find") ?? "").toLowerCase(); // not q: the theme opens its own search on ?q=
  const family = placeOf("family");
  const range = filters.get("size");
  const [low, high] = (range || "0-1e99").split("-").map(Number);
  const size = placeOf("parameters");
  const equal = ["family", "kind"].filter((key) => filters.get(key)).map((key) => [placeOf(key), filters.get(key)]);
  const [provenance, licence, complete] = ["provenance", "licence", "complete"].map((key) => filters.get(key));
  return (row) =>
    (!find || `${row[HEAD]} ${family >= HEAD ? (row[family] ?? "") : ""}`.toLowerCase().includes(find)) &&
    equal.every(([place, value]) => spellOut(row[place]) === value) &&
    (!licence || spellOut(row[2]) === licence) &&
    (!range || (row[size] !== null && valueOf(row[size]) >= low && valueOf(row[size]) < high)) &&
    (!provenance || (provenance === "predicted" ? row.some(isPredicted) : row[1] === provenance)) &&
    (!complete || row[3] === 1);
};

const sorted = (rows) => {
  if (!sort) return rows;
  const [place, direction] = [placeOf(sort[0]), sort[1]];
  const keyed = rows.map((row) => {
    const key = knownOf(row[place]);
    return { row, key: typeof key === "string" ? key.toLowerCase() : key ?? null };
  });
  keyed.sort(({ key: a }, { key: b }) => {
    if (a === null || b === null) return (a === null) - (b === null); // unknown and predicted stay last
    return direction * (a < b ? -1 : a > b ? 1 : 0);
  });
  return keyed.map(({ row }) => row);
};

const filtersNow = () => {
  const filters = new URLSearchParams();
  for (const [name, value] of new FormData(form))
    if (name !== "column" && value) filters.set(name, value.replaceAll("\r\n", "\n")); // as in the row
  return filters;
};

const queryNow = () => {
  const query = filtersNow();
  if (columnsNow().join() !== initialColumns) query.set("columns", columnsNow().join());
  if (sort) query.set("sort", `${sort[1] < 0 ? "-" : ""}${sort[0]}`);
  if (limit !== STEP) query.set("rows", limit);
  return query;
};

const visible = () => {
  const chosen = new Set(columnsNow());
  return data.columns
    .map((column, index) => [column, index + HEAD])
    .filter(([column], index) => index === 0 || chosen.has(encodeURIComponent(column.key)));
};

const show = async () => {
  await load();
  const columns = visible();
  const rows = sorted(data.rows.filter(keptBy(filtersNow())));
  const body = rows.slice(0, limit).map((row) => rowHtml(row, columns, root)).join("");
  showHead(columns);
  table.tBodies[0].innerHTML =
    body || `<tr><td colspan="${columns.length}">No row fits all filters.</td></tr>`;
  const total = data.rows.length;
  section.querySelector("[data-status]").textContent =
    `${rows.length} of ${counted(total, "row")}, ${Math.min(limit, rows.length)} shown`;
  section.querySelector("[data-more]").hidden = rows.length <= limit;
  writeQuery(queryNow());
};

// The file says of which table, when and under which filters it is.
const fileName = () => {
  const parts = [...queryNow()].filter(([name]) => !["columns", "rows"].includes(name));
  const filters = parts.map(([name, value]) => `_${name}-${value}`).join("");
  return `${data.cohort}_${data.date}${filters}`.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 150) + ".csv";
};

const save = async () => {
  await load();
  const columns = visible();
  const header = ["provenance"];
  for (const [column] of columns) {
    const key = column.key.replace(/_(low95|high95|note)\.*$/, "$&."); // a text may be called like an end
    if (column.form === "rank") header.push("rank_low", "rank_high");
    else if (column.form === "figure") header.push(key, `${key}_low95`, `${key}_high95`, `${key}_note`);
    else header.push(key);
  }
  const lines = sorted(data.rows.filter(keptBy(filtersNow()))).map((row) => {
    const cells = [row[1]];
    for (const [column, place] of columns) {
      const cell = row[place];
      const [value, , low = null, high = null, , note = null] = Array.isArray(cell) ? cell : [cell];
      if (column.form === "rank") cells.push(low, high);
      else if (column.form === "figure") cells.push(value, low, high, note);
      else cells.push(value);
    }
    return cells;
  });
  // Columns in which nothing is known, such as notes where there are none, are left out.
  const used = header.map((_, k) => k < 2 || lines.some((cells) => cells[k] !== null && cells[k] !== undefined));
  const kept = (cells) => csvLine(cells.filter((_, k) => used[k]));
  download(fileName(), [header, ...lines].map(kept).join("\n") + "\n");
};

const restore = () => {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of query) {
    const field = form.elements[name];
    if (!field || name === "column") continue;
    if (field.type === "checkbox") field.checked = Boolean(value);
    else field.value = value;
  }
  if (query.has("columns")) {
    const chosen = new Set(query.get("columns").split(","));
    for (const box of chooser) box.checked = chosen.has(box.value) || chosen.has(encodeURIComponent(box.value));
  }
  if (query.get("sort")) sort = [query.get("sort").replace(/^-/, ""), query.get("sort").startsWith("-") ? -1 : 1];
  limit = Number(query.get("rows")) || STEP;
  return [...query].length > 0;
};

let typing;
form.addEventListener("input", (event) => {
  clearTimeout(typing);
  limit = event.target.name === "column" ? limit : STEP;
  typing = setTimeout(show, event.target.type === "search" ? 120 : 0);
});
const menu = form.querySelector("details.chooser");
document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
form.addEventListener("reset", () => { sort = null; limit = STEP; setTimeout(show); });
table.tHead.addEventListener("click", (event) => {
  const heading = event.target.closest("button")?.closest("th");
  if (!heading) return;
  const key = heading.dataset.key;
  sort = [key, sort && sort[0] === key && sort[1] > 0 ? -1 : 1];
  show();
});
section.querySelector("[data-more]").addEventListener("click", async () => {
  const first = limit; // of the new rows: where one goes on reading, since the button may go
  limit += 4 * STEP;
  await show();
  table.tBodies[0].rows[first]?.querySelector("a")?.focus({ preventScroll: true });
});
section.querySelector("[data-download]").addEventListener("click", (event) => { event.preventDefault(); save(); });

const chart = document.querySelector(".chart-points[data-x]");
if (chart) {
  watchPoints(chart, async (place) => {
    await load();
    const row = data.rows[place];
    const figure = (key) => `${textOf(row[placeOf(key)])} ${data.columns[placeOf(key) - HEAD].unit}`;
    const { x, y } = chart.dataset;
    return { name: row[HEAD], page: root + row[0], text: `${figure(x)}, mean score ${figure(y)}` };
  });
}
if (restore()) show();
