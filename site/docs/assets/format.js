// Numbers that scripts compute, in the form of pages/rendering.py. The build formats all others.
export const UNKNOWN = "–";

export const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

export const number = (value, digits) =>
  !Number.isFinite(value) ? UNKNOWN : value.toFixed(digits).replace("-", "−");

export const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

export const count = (value) => {
  if (value === null || value === undefined) return UNKNOWN;
  for (const [unit, size] of [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]])
    if (value >= size) return `${Number((value / size).toPrecision(4))}${unit}`;
  return `${value}`;
};

// How many decimals show two significant digits of a spread.
export const decimals = (spread) =>
  spread > 0 ? Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(spread)))) : 4;

// Control characters and marks of direction are spelled out, as the build does in its pages.
export const spellOut = (text) =>
  String(text ?? "").replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
export const escapeHtml = (text) => spellOut(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// A line of CSV, guarded as the build's: an apostrophe goes before text that a spreadsheet would run
// as a formula, and before another apostrophe. tests/vectors/csv.json compares the two.
export const csvLine = (cells) =>
  cells.map((cell) => {
    const text = String(cell ?? "");
    const guarded = typeof cell === "string" && /^[=+\-@\t\r']/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
  }).join(",");

export const download = (name, text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

// Data of the site as JSON, fetched once by address.
const files = new Map();
export const fetchJson = (address) => {
  if (!files.has(address))
    files.set(address, fetch(address).then((answer) => {
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
      return answer.json();
    }));
  return files.get(address);
};

// Rewrite the query of the address; the theme keeps its own state in the history.
export const writeQuery = (query) => {
  const text = query.toString();
  history.replaceState(history.state, "", `${location.pathname}${text ? `?${text}` : ""}${location.hash}`);
};
