// Two to four models of one table: figures side by side, scores as dots, paired differences.
import { HEAD, breakable, cellHtml, knownOf, tableHtml, textOf } from "./cells.js";
import { differencesHtml, findDifferences } from "./differences.js";
import { UNKNOWN, counted, escapeHtml, fetchJson, writeQuery } from "./format.js";

const form = document.querySelector("[data-compare]");
const result = document.querySelector("[data-result]");
const fields = [...form.querySelectorAll("[name=m]")];

const chosenTable = () => fetchJson(`../boards/${form.elements.table.value}.json`);
const modelsOf = (data) => data.rows.filter((row) => row[1] !== "classical");

const bestOf = (cells, column) => {
  if (!column.better) return null;
  const values = cells.map(knownOf).filter((value) => value !== null);
  if (values.length < 2) return null;
  return column.better === "low" ? Math.min(...values) : Math.max(...values);
};

const figures = (data, rows) => {
  const heads = rows.map((row) =>
    `<th scope="col" class="n"><a href="../${escapeHtml(row[0])}">${breakable(row[HEAD])}</a></th>`);
  const lines = data.columns.slice(1).map((column, k) => {
    const cells = rows.map((row) => row[HEAD + 1 + k]);
    if (cells.every((cell) => cell === null)) return "";
    const best = bestOf(cells, column);
    const shown = cells.map((cell) => {
      const wins = best !== null && knownOf(cell) === best;
      return `<td class="n${wins ? " best" : ""}">${cellHtml(cell, column)}</td>`;
    });
    const unit = column.unit ? `<small>${escapeHtml(column.unit)}</small>` : "";
    return `<tr class="${rows[0][1]}"><th scope="row">${escapeHtml(column.label)}${unit}</th>${shown.join("")}</tr>`;
  });
  const caption = `Figures of ${rows.length} models, as of ${data.date}; ★: best point estimate`;
  return `<h2>Figures</h2>${tableHtml("figures", "Figures side by side", caption, ['<th scope="col">Figure</th>', ...heads], lines)}`;
};

const scores = (data, rows) => {
  const lines = data.columns
    .map((column, k) => [column, HEAD + k])
    .filter(([column, place]) => column.unit === "%" && rows.some((row) => knownOf(row[place]) !== null))
    .map(([column, place]) => {
      const dots = rows.map((row, k) => {
        const value = knownOf(row[place]);
        return value === null ? "" : `<i class="dot model-${k}" style="left:${(100 * value).toFixed(1)}%"></i>`;
      });
      const shown = rows.map((row) => (knownOf(row[place]) === null ? UNKNOWN : textOf(row[place]))).join(" · ");
      return `<li><span class="dots-label">${escapeHtml(column.label)}</span>` +
        `<span class="dots-track" aria-hidden="true">${dots.join("")}</span><span class="dots-value">${shown}</span></li>`;
    });
  if (!lines.length) return "";
  const legend = rows.map((row, k) => `<li><i class="dot model-${k}"></i> ${escapeHtml(row[HEAD])}</li>`).join("");
  return `<section class="card"><h2>Scores, %</h2><ul class="dots-legend">${legend}</ul>` +
    `<figure class="dots many" aria-details="figures"><ul>${lines.join("")}</ul>` +
    `<figcaption>Scores of ${rows.length} models, as of ${escapeHtml(data.date)}, in the order above, from 0 to 100 %` +
    "</figcaption></figure></section>";
};

const differences = async (data, rows) => {
  if (rows[0][1] !== "measured")
    return "<p>The source of this table gives no documents, so paired differences are not known.</p>";
  const dtypePlace = HEAD + data.columns.findIndex((column) => column.key === "dtype");
  const texts = await Promise.all(rows.map(async (row) => {
    const id = row[0].replace(/^models\//, "").replace(/\/$/, "");
    const documents = await fetchJson(`${encodeURIComponent(id)}.json`).catch(() => ({})); // none of a model without texts
    return documents[row[dtypePlace]] ?? {};
  }));
  const pairs = findDifferences(data.columns, rows.map((row) => row[HEAD]), texts);
  if (!pairs.length) return "<p>These models share no text of the same documents.</p>";
  return differencesHtml(pairs, data.date);
};

// Only the last choice is shown: the data of an earlier one may arrive after it.
let turns = 0;
const show = async () => {
  const turn = ++turns;
  const data = await chosenTable();
  if (turn !== turns) return;
  const models = modelsOf(data);
  document.getElementById("models").replaceChildren(...models.map((row) => new Option(row[HEAD])));
  const named = (name) => models.find((row) => row[HEAD] === name);
  const rows = [...new Set(fields.map(({ value }) => named(value) ?? named(value.trim())))].filter(Boolean);
  const query = new URLSearchParams([["table", form.elements.table.value], ...rows.map((row) => ["m", row[HEAD]])]);
  writeQuery(query);
  if (rows.length < 2) {
    const has = `this table has ${counted(models.length, "model")}`;
    const repair = models.length < 2 ? "Choose another table" : "Choose at least two models";
    result.innerHTML = `<p class="notice">${repair}; ${has}.</p>`;
    return;
  }
  const pairs = await differences(data, rows);
  if (turn === turns) result.innerHTML = scores(data, rows) + pairs + figures(data, rows);
};

form.addEventListener("change", async (event) => {
  if (event.target.name === "table") {
    for (const field of fields) field.value = "";
    await suggest();
  }
  show();
});

// Without a choice: the first two models of the table, so that the page shows what it does.
const suggest = async () => {
  const table = form.elements.table.value;
  const models = modelsOf(await chosenTable());
  if (form.elements.table.value !== table) return;
  models.slice(0, 2).forEach((row, k) => { fields[k].value = row[HEAD]; });
};
const query = new URLSearchParams(location.search);
const asked = query.get("table");
const isKnown = [...form.elements.table.options].some(({ value }) => value === asked);
if (isKnown) form.elements.table.value = asked;
// An address may name a table that the board had once; its models are of no other table.
const isMissing = asked !== null && !isKnown;
if (!isMissing) query.getAll("m").slice(0, 4).forEach((name, k) => { fields[k].value = name; });
if (isMissing || !query.has("m")) await suggest();
await show();
if (isMissing)
  result.insertAdjacentHTML("afterbegin",
    `<p class="notice">The board has no table “${escapeHtml(asked)}”. The page shows the chosen one.</p>`);
