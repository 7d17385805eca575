// Paired differences of bits per byte on the same documents: their figures, chart and table.
import { breakable, tableHtml } from "./cells.js";
import { decimals, escapeHtml, number, sum } from "./format.js";

// Bits per byte of one minus those of the other, with the ends of the interval: the closed form of
// paired_difference in intervals.py. tests/pages/test_compare_page.py compares the two.
// reach: null for a class of bytes that fewer than two documents have, whose ends are NaN.
export const pairedDifference = (bits, others, sizes, reach) => {
  const gaps = bits.map((cost, k) => cost - others[k]);
  const n = sizes.length, size = sum(sizes), value = sum(gaps) / size;
  const squares = sum(gaps.map((gap, k) => ((gap - value * sizes[k]) / size) ** 2));
  const half = (reach ?? NaN) * Math.sqrt((n / (n - 1)) * squares);
  return { value, low: value - half, high: value + half };
};

const sameDocuments = (text, other) =>
  text.documents.length > 1 && text.documents.join("\n") === other.documents.join("\n") &&
  text.bytes.join() === other.bytes.join();

const differenceOf = (names, ours, theirs, sizes) => {
  const pair = pairedDifference(ours.bits, theirs.bits, sizes, ours.reach);
  const share = pair.value / (sum(theirs.bits) / sum(sizes)), known = pair.low > 0 || pair.high < 0;
  return { ...names, ...pair, share, known, digits: decimals((pair.high - pair.low) / 2) };
};

// What each class of bytes adds to the difference; a class of other bytes is left out.
const classDifferences = (names, text, other) => text.classes.flatMap((part) => {
  const theirs = other.classes.find(({ label, bytes }) => label === part.label && bytes === part.bytes);
  const about = { ...names, text: `${names.text}: ${part.label}`, n: part.documents };
  return theirs && sum(part.bits) + sum(theirs.bits) ? [differenceOf(about, part, theirs, text.bytes)] : [];
});

// Every pair on every text that both were scored on. texts: by model, documents by text.
export const findDifferences = (columns, models, texts) => {
  const differences = [];
  for (const column of columns)
    for (let a = 0; a < models.length; a += 1)
      for (let b = a + 1; b < models.length; b += 1) {
        const [text, other] = [texts[a][column.key], texts[b][column.key]];
        if (!text || !other || !sameDocuments(text, other)) continue;
        const names = { first: models[a], second: models[b], text: column.label, n: text.documents.length };
        const classes = classDifferences(names, text, other);
        differences.push({ ...differenceOf(names, text, other, text.bytes), classes });
      }
  return differences;
};

// An axis around 0 with a little room at both ends and about six round marks.
const axisOf = (reach) => {
  const end = 1.08 * reach || 1, power = 10 ** Math.floor(Math.log10(end / 3));
  const step = power * [1, 2, 5, 10].find((factor) => end <= 3.3 * power * factor);
  const n = Math.floor(end / step);
  const marks = Array.from({ length: 2 * n + 1 }, (_, k) => Number(((k - n) * step).toPrecision(12)));
  return { marks, share: (value) => (value + end) / (2 * end) };
};

const shownInterval = (pair) => `${number(pair.low, pair.digits)} to ${number(pair.high, pair.digits)}`;

const chartLine = (pair, axis) => {
  const at = (value) => (100 * axis.share(value)).toFixed(2);
  const name = (side, text, better) => `<span class="pair-${side}${better ? " better" : ""}">${breakable(text)}</span>`;
  const width = (100 * (axis.share(pair.high) - axis.share(pair.low))).toFixed(2);
  return `<li>${name("first", pair.first, pair.known && pair.value < 0)}<span class="hidden-text"> minus </span>` +
    `<span class="dots-track" aria-hidden="true"><i class="equal"></i>` +
    `<i class="range" style="left:${at(pair.low)}%;width:${width}%"></i>` +
    `<i class="${pair.known ? "dot" : "hollow"}" style="left:${at(pair.value)}%"></i></span>` +
    name("second", pair.second, pair.known && pair.value > 0) +
    `<span class="dots-value">${number(pair.value, pair.digits)}<small>${shownInterval(pair)}</small></span></li>`;
};

// One text: 0 in the middle, so that a dot lies on the side of the model that needs fewer bits.
const chart = (pairs, date) => {
  const reach = Math.max(...pairs.flatMap((pair) => [Math.abs(pair.low), Math.abs(pair.high), Math.abs(pair.value)]));
  const axis = axisOf(reach);
  const ticks = axis.marks.map((tick) =>
    `<span${tick ? "" : ' class="equal"'} style="left:${(100 * axis.share(tick)).toFixed(2)}%">${tick ? String(tick).replace("-", "−") : "equal"}</span>`);
  const known = pairs.filter((pair) => pair.known).length;
  const documents = [...new Set(pairs.map((pair) => pair.n))].sort((a, b) => a - b).join(" or ");
  const summary = `${pairs[0].text}, as of ${date}: ${known} of ${pairs.length} differences ` +
    `${known === 1 ? "is" : "are"} known, n = ${documents} documents`;
  return `<figure class="dots pairs" aria-details="differences"><h3>${escapeHtml(pairs[0].text)}</h3>` +
    `<ul>${pairs.map((pair) => chartLine(pair, axis)).join("")}</ul><div class="pairs-foot" aria-hidden="true">` +
    `<div class="dots-axis">${ticks.join("")}</div><span>◀ left one better</span><span>right one better ▶</span></div>` +
    `<figcaption>${escapeHtml(summary)}</figcaption></figure>`;
};

const inWords = (pair) =>
  pair.known
    ? `${escapeHtml(pair.first)} needs ${Number.isFinite(pair.share) ? `${number(Math.abs(100 * pair.share), 1)} % ` : ""}${pair.value > 0 ? "more" : "fewer"} bits`
    : "a tie: no difference that the text can show";

const tableLine = (pair) =>
  `<tr><th scope="row">${escapeHtml(pair.first)} − ${escapeHtml(pair.second)}</th><td>${escapeHtml(pair.text)}</td>` +
  `<td class="n" data-difference="${pair.value}">${number(pair.value, pair.digits)}<small>${shownInterval(pair)}</small></td>` +
  `<td class="n">${pair.n}</td><td>${inWords(pair)}</td></tr>`;

// One chart per text, and the table with the same figures. differences: not empty.
export const differencesHtml = (differences, date) => {
  const texts = [...new Set(differences.map((pair) => pair.text))];
  const charts = texts.map((text) => chart(differences.filter((pair) => pair.text === text), date)).join("");
  const heads = ["Models", "Text", "Difference", "Documents", "In words"]
    .map((label, k) => `<th scope="col"${k === 2 || k === 3 ? ' class="n"' : ""}>${label}</th>`);
  const tableOf = (id, label, caption, pairs) => tableHtml(id, label, `${caption}, as of ${date}`, heads, pairs.map(tableLine));
  const classes = differences.flatMap((pair) => pair.classes);
  const ofClasses = "Bits of a class per byte of the whole text, first model minus second";
  const byClass = classes.length ? "<details><summary>Where the differences come from</summary><p>The differences of all classes of bytes sum to " +
    `that of the text. Each interval is for its class alone.</p>${tableOf("class-differences", "Differences by class", ofClasses, classes)}</details>` : "";
  return `<h2>Paired differences</h2><section class="card"><p>Bits per byte of the model on the left minus those of the model on the right, ` +
    `on the same documents, with 95 % intervals. A dot lies towards the model that needs fewer bits. Where a difference is known, ` +
    `the better model is in bold; ties are hollow, and their bars reach “equal”.</p>${charts}</section>` +
    tableOf("differences", "Paired differences", "Bits per byte of the first model minus those of the second", differences) + byClass;
};
