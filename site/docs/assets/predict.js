// Predict a mean score from typed figures: the arithmetic of `leaderboard predict` on
// data/predict.json. tests/vectors/calculator.json compares the two.
import { count, escapeHtml, fetchJson, number, spellOut, sum } from "./format.js";

const clip = (value, low, high) => Math.min(Math.max(value, low), high);

// The scaled predictors of a curve; null where a figure is missing.
const scaledFigures = (curve, board, figures) => {
  const known = { ...figures };
  if (board.average.every((name) => name in figures))
    known.compression = sum(board.average.map((name) => figures[name])) / board.average.length;
  if (!curve.predictors.every(({ column }) => column in known)) return null;
  return curve.predictors.map((p) => {
    const value = known[p.column];
    return ((p.log ? Math.log(value) : value) - p.centre) / p.scale;
  });
};

const linear = ([level, ...slopes], x) => level + sum(slopes.map((slope, k) => slope * x[k]));

// Straight pieces: knots, the height at the first knot, and the slope of each piece.
const pieces = (parameters, x) => {
  const count = parameters.length / 2;
  const knots = parameters.slice(0, count - 1), [height, ...slopes] = parameters.slice(count - 1);
  const edges = [-Infinity, ...knots, Infinity], starts = [knots[0], ...knots];
  return height + sum(slopes.map((slope, k) => slope * (clip(x, edges[k], edges[k + 1]) - starts[k])));
};

export const heightOf = ({ form, parameters }, { chance, ceiling }, x) => {
  let value;
  if (form === "monotone") value = pieces(parameters, x[0]);
  else if (form === "mean" || form === "line") value = linear(parameters, x);
  else {
    const [low, rest] = form === "floor" ? [parameters[0], parameters.slice(1)] : [chance, parameters];
    value = low + (ceiling - low) / (1 + Math.exp(-linear(rest, x)));
  }
  return clip(value, 0, ceiling);
};

// The smallest value at or below which `share` of the weight lies.
const quantile = (values, weights, share) => {
  const order = values.map((_, k) => k).sort((a, b) => values[a] - values[b]);
  let reached = 0;
  for (const k of order) {
    reached += weights[k];
    if (reached >= share - 1e-9) return values[k];
  }
  return values[order.at(-1)];
};

// Prediction, intervals and extrapolation; null where a figure that the fit needs is missing.
export const predict = (board, figures) => {
  const { fit, errors } = board;
  const x = scaledFigures(fit, board, figures);
  if (x === null) return null;
  const value = heightOf(fit, board, x);
  const beyond = Math.max(value - fit.reach[1], fit.reach[0] - value, 0);
  const larger = board.largest !== null && figures.parameters > board.largest;
  const scale = Math.hypot(larger ? board.scale.larger : board.scale.spread, board.scale.growth * beyond);
  const byFold = board.folds.map((curve) => {
    const scaled = scaledFigures(curve, board, figures);
    return scaled === null ? value : heightOf(curve, board, scaled);
  });
  const ends = (interval) => {
    if (interval.kind === "model-based") return [value - interval.half * scale, value + interval.half * scale];
    const centre = errors.fold.map((k) => byFold[k]);
    const above = errors.size.map((size, k) => centre[k] + size * scale);
    const below = errors.size.map((size, k) => size * scale - centre[k]);
    return [-quantile(below, errors.weight, interval.share), quantile(above, errors.weight, interval.share)];
  };
  const intervals = board.intervals.map((interval) => {
    const [low, high] = ends(interval);
    const inside = (end) => clip(end, 0, board.ceiling);
    return { ...interval, low: inside(Math.min(low, value)), high: inside(Math.max(high, value)) };
  });
  const outside = x.some((z, k) => z < fit.bounds[k][0] - 1e-9 || z > fit.bounds[k][1] + 1e-9);
  return { value, intervals, extrapolation: outside || beyond > 0 || larger };
};

// --- the page ---
const percent = (value) => number(100 * value, 1);
const isCount = ({ unit }) => unit === "number"; // of parameters: shown, and understood, as 7B
const range = (field) => [field.low, field.high].map((end) => Number(end.toPrecision(3)))
  .map((end) => (isCount(field) ? count(end) : end)).join(" to ");

const renderFields = (board) =>
  board.fields.map((f) =>
    `<label class="choose-field"><span>${escapeHtml(f.label)}, ${escapeHtml(f.unit)}${f.needed ? "" : ", optional"}; `
    + `the models have ${range(f)}</span>`
    + `<input name="${escapeHtml(f.column)}" inputmode="decimal" autocomplete="off"></label>`).join("");

const renderAnswer = (board, answer) => {
  const ends = answer.intervals.map(({ level, kind, low, high }) =>
    `${number(100 * level, 0)} %: ${percent(low)} to ${percent(high)}, ${kind}`).join("; ");
  const warnings = [
    answer.extrapolation && "Extrapolation: outside of what the fit was trained on.",
    board.fit.form === "mean" && "Compression tells nothing here: this is the mean of the other models.",
  ].filter(Boolean);
  return `<p>${escapeHtml(board.benchmark)}: <strong>${percent(answer.value)} %</strong> (${ends}); `
    + `${escapeHtml(board.fit.form)} in ${escapeHtml(board.fit.label)}, ${board.models} models of `
    + `${board.groups} groups.</p>${warnings.map((text) => `<p class="notice">${text}</p>`).join("")}`;
};

// A typed number; of a count 7B, 160M or 3k too. NaN where it is none.
const readNumber = (text, field) => {
  const [, digits, size] = (isCount(field) && text.match(/^([\d.]+) *([kmbt])$/i)) || [null, text, ""];
  return Number(digits) * ({ k: 1e3, m: 1e6, b: 1e9, t: 1e12 }[size.toLowerCase()] ?? 1);
};

// Figures that were typed, and the labels of those that are not numbers above 0.
const readFigures = (board, form) => {
  const figures = {}, wrong = [];
  for (const field of board.fields) {
    const text = form.elements[spellOut(field.column)].value.trim();
    if (!text) continue;
    const value = readNumber(text, field);
    if (value > 0 && value < Infinity) figures[field.column] = value;
    else wrong.push(field.label);
  }
  return { figures, wrong };
};

const start = (boards, place) => {
  const form = place.querySelector("form"), shown = place.querySelector("#predict-answer");
  const fields = form.querySelector("[data-fields]"), choice = form.elements[0];
  const chosen = () => boards.find(({ name }) => name === choice.value);
  const update = () => {
    const board = chosen(), { figures, wrong } = readFigures(board, form);
    const answer = wrong.length ? null : predict(board, figures);
    const needed = board.fields.filter((f) => f.needed).map((f) => f.label).join(", ");
    shown.dataset.answer = JSON.stringify(answer);
    shown.innerHTML = answer ? renderAnswer(board, answer)
      : wrong.length ? `<p class="notice">${escapeHtml(wrong.join(", "))}: write a number above 0.</p>`
      : `<p>Needs ${escapeHtml(needed)}.</p>`;
  };
  const build = () => { fields.innerHTML = renderFields(chosen()); update(); };
  form.addEventListener("input", (event) => (event.target === choice ? build() : update()));
  build();
};

// A link to a set, or to a part of it, opens the set.
const openAimed = () => {
  const fold = document.getElementById(location.hash.slice(1))?.closest("details");
  if (!fold || fold.open) return;
  fold.open = true;
  fold.scrollIntoView();
};
addEventListener("hashchange", openAimed);

const place = document.getElementById("predict");
if (place) start(await fetchJson(place.dataset.source), place);
openAimed(); // at last, since the form moves what is below it
