// The information plane: figures of a mark, and the layers of a chosen model.
import { HEAD, textOf } from "./cells.js";
import { drawLines, foldedFigures } from "./chart.js";
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
    const key = layer.dataset.x.replace(/^complexity\./, "optimality.");
    const cell = row[HEAD + data.columns.findIndex((column) => column.key === key)];
    return { name: row[HEAD], page: `../${row[0]}`, text: `optimality ${textOf(cell ?? null)}` };
  });
  const choice = section.querySelector("[data-layers]");
  const place = section.querySelector("[data-layer-chart]");
  choice.addEventListener("change", async () => {
    if (!choice.value) return place.replaceChildren();
    const texts = await (await fetch(`${encodeURIComponent(choice.value)}.json`)).json();
    const layers = texts[choice.dataset.layers] ?? [];
    const name = choice.selectedOptions[0].textContent;
    const day = (await load(section.dataset.board)).date;
    const tableId = `layers-${choice.dataset.layers}-${choice.value}`;
    const points = layers.map(([x, y], k) => [x, y, k ? `layer ${k}` : "the embedding"]);
    place.innerHTML = drawLines(
      [{ label: `${name}, from the embedding to layer ${layers.length - 1}`, points }],
      "Complexity I(X;Z)", "Expressivity I(Y;Z)",
      `${name}: one mark for each of ${layers.length - 1} layers and the embedding, joined in order, as of ${day}. Corrected information, ln(bins), single tokens.`,
      tableId,
    ) + foldedFigures(
      tableId, `${name}, ${layers.length - 1} layers and the embedding, as of ${day}`,
      [["Layer", false], ["Complexity I(X;Z)", true], ["Expressivity I(Y;Z)", true]],
      layers.map(([x, y], k) => [k ? `${k}` : "0 (embedding)", number(x, 4), number(y, 4)]),
    );
  });
}
