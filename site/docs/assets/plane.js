// The information plane: figures of a mark, and the layers of a chosen model.
import { drawLines } from "./chart.js";
import { number } from "./format.js";
import { watchPoints } from "./points.js";

const boards = new Map();
const load = (address) => {
  if (!boards.has(address)) boards.set(address, fetch(address).then((answer) => answer.json()));
  return boards.get(address);
};

for (const section of document.querySelectorAll("section.plane")) {
  const layer = section.querySelector(".chart-points");
  watchPoints(layer, async (place) => {
    const data = await load(section.dataset.board);
    const row = data.rows[place];
    const text = layer.dataset.x.replace(/_complexity$/, "");
    const cell = row[4 + data.columns.findIndex((column) => column.key === `${text}_optimality`)];
    const value = Array.isArray(cell) ? cell[0] : cell;
    return { name: row[4], page: `../${row[0]}`, text: `optimality ${number(value ?? null, 3)}` };
  });
  const choice = section.querySelector("[data-layers]");
  const place = section.querySelector("[data-layer-chart]");
  choice.addEventListener("change", async () => {
    if (!choice.value) return place.replaceChildren();
    const texts = await (await fetch(`${encodeURIComponent(choice.value)}.json`)).json();
    const layers = texts[choice.dataset.layers] ?? [];
    const name = choice.selectedOptions[0].textContent;
    const day = (await load(section.dataset.board)).date;
    const points = layers.map(([x, y], k) => [x, y, k ? `layer ${k}` : "the embedding"]);
    place.innerHTML = drawLines(
      [{ label: `${name}, from the embedding to layer ${layers.length - 1}`, points }],
      "Complexity I(X;Z)", "Expressivity I(Y;Z)",
      `${name}: one mark for each of ${layers.length - 1} layers and the embedding, joined in order, as of ${day}. Corrected information, ln(bins), single tokens.`,
    );
  });
}
