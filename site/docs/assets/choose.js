// Choose a model. The same arithmetic and the same sentences as generator/choice/, on the same data;
// a browser test holds the two together. Wishes stand in the address; nothing is sent anywhere.
"use strict";
(() => {
const place = document.getElementById("choose");
if (!place) return;

// --- numbers and words (words.py) ---
const amount = (x) => x.toFixed(x >= 100 ? 0 : x >= 10 ? 1 : x >= 0.1 ? 2 : 4);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// --- costs (costs.py) ---
const memoryOf = (option, wishes, held, data) => {
  if (option.parameters === null) return null;
  let states;
  if (option.layers !== null && option.width !== null) states = option.layers * option.width;
  else {
    const layers = (option.parameters / (12 * held.layer_width ** 2)) ** (1 / 3);
    states = held.layer_width * layers ** 2;
  }
  const cache = 2 * states * held.context_tokens * held.cache_bytes;
  return option.parameters * data.precisions[wishes.precision] + cache + held.runtime_bytes;
};
const perToken = (option, speed, held, data) => {
  if (!speed || option.parameters === null) return null;
  if (option.parameters > data.farthest * speed.largest_parameters) return null;
  return speed.seconds * option.parameters / held.speedup;
};
const capacity = (seconds, held) => held.utilisation * held.hours_per_month * 3600 / seconds;
const moneyOf = (option, seconds, billing, held, tokens) => {
  if (billing === "token") {
    if (option.parameters === null) return null;
    return tokens / 1e6 * held.token_price * option.parameters / 1e9;
  }
  if (seconds === null) return null;
  if (billing === "second") return tokens * seconds / 3600 * held.hour_price / held.utilisation;
  const machines = Math.max(1, Math.ceil(tokens / capacity(seconds, held)));
  return machines * held.hour_price * held.hours_per_month;
};
const costsOf = (option, wishes, held, data) => {
  const seconds = perToken(option, data.speed, held, data);
  const tokens = held.tokens_per_month;
  return {
    memory_bytes: memoryOf(option, wishes, held, data),
    seconds: seconds === null ? null : seconds * tokens,
    money: moneyOf(option, seconds, wishes.billing, held, tokens),
  };
};

// --- wishes (wishes.py) ---
const faultsOf = (wishes, data) => {
  const menu = data.menus.find((one) => one.name === wishes.menu);
  if (!menu) return [`There is no cohort "${wishes.menu}"; choose from ${data.menus.map((m) => m.name).join(", ")}.`];
  const known = Object.fromEntries(menu.criteria.map((c) => [c.name, c]));
  const has = (name) => Object.hasOwn(known, name);
  const faults = Object.keys(wishes.weights).filter((name) => !has(name)).map((name) =>
    `There is no benchmark or text "${name}" in this cohort; choose from ${Object.keys(known).join(", ")}.`);
  if (Object.values(wishes.weights).some((weight) => weight < 0))
    faults.push("A weight below 0 would reward failure; use 0 for what does not matter.");
  const weighed = Object.entries(wishes.weights).filter(([name, weight]) => has(name) && weight > 0).map(([name]) => known[name]);
  if (!weighed.length && !faults.length)
    faults.push("All weights are 0: give at least one benchmark or text a weight above 0.");
  if (new Set(weighed.map((c) => `${c.unit} ${c.higher_is_better}`)).size > 1)
    faults.push("Benchmarks and texts are in different units, which no weights make up for: weigh benchmarks or texts, not both.");
  for (const [what, name, choices] of [["precision", wishes.precision, data.precisions], ["billing", wishes.billing, data.billings]])
    if (!Object.hasOwn(choices, name)) faults.push(`There is no ${what} "${name}"; choose from ${Object.keys(choices).join(", ")}.`);
  for (const [what, n] of [["largest size", wishes.largest_parameters], ["memory", wishes.memory_bytes], ["money", wishes.money]])
    if (n < 0) faults.push(`A ${what} below 0 fits nothing; leave it empty.`);
  return faults;
};
const misfit = (option, costs, unknown, wishes, weights, labels, held) => {
  if (unknown) return `No figure of ${Object.keys(weights).filter((n) => !option.figures[n]).map((n) => labels[n]).join(", ")}.`;
  if (wishes.licence && !option.licence.toLowerCase().includes(wishes.licence.toLowerCase()))
    return `Its licence is ${option.licence || "not known"}.`;
  if (wishes.largest_parameters) {
    if (option.parameters === null) return "Its size is not known.";
    if (option.parameters > wishes.largest_parameters)
      return `Has ${amount(option.parameters / 1e9)} billion parameters, you allow ${amount(wishes.largest_parameters / 1e9)}.`;
  }
  if (wishes.memory_bytes) {
    if (costs.memory_bytes === null) return "Its size is not known, so its memory is not.";
    if (costs.memory_bytes > wishes.memory_bytes)
      return `Needs ${amount(costs.memory_bytes / 1e9)} GB, you have ${amount(wishes.memory_bytes / 1e9)}.`;
  }
  if (wishes.money) {
    if (option.parameters === null) return "Its size is not known, so its price is not.";
    if (costs.money === null) return "Its price is not known: too far from the sizes that were measured.";
    if (costs.money > wishes.money)
      return `Costs ${held.currency}${amount(costs.money)} a month, you allow ${held.currency}${amount(wishes.money)}.`;
  }
  return "";
};

// --- the front (front.py) ---
const TIES = 3;
const qualityOf = (option, weights) => {
  const names = Object.keys(weights);
  if (names.some((name) => !option.figures[name])) return null;
  const total = sum(Object.values(weights));
  const figures = names.map((name) => [option.figures[name], weights[name] / total]);
  const known = figures.every(([figure]) => figure.error !== null);
  return {
    value: sum(figures.map(([figure, share]) => figure.value * share)),
    error: known ? Math.sqrt(sum(figures.map(([figure, share]) => (figure.error * share) ** 2))) : null,
    evidence: [...new Set(figures.map(([figure]) => figure.evidence))].sort(),
  };
};
const pairs = (one, other) => ["memory_bytes", "seconds", "money"]
  .map((name) => [one.costs[name], other.costs[name]]).filter(([a, b]) => a !== null && b !== null);
const hasNoCosts = (entry) => [entry.costs.memory_bytes, entry.costs.seconds, entry.costs.money].every((cost) => cost === null);
const choose = (wishes, held, data) => {
  const problems = faultsOf(wishes, data);
  const empty = { problems, unit: "", higher_is_better: true, choices: [], front: [] };
  if (problems.length) return empty;
  const menu = data.menus.find((one) => one.name === wishes.menu);
  const weights = Object.fromEntries(Object.entries(wishes.weights).filter(([, weight]) => weight > 0));
  const criterion = menu.criteria.find((c) => c.name in weights);
  const labels = Object.fromEntries(menu.criteria.map((c) => [c.name, c.label]));
  const sign = criterion.higher_is_better ? 1 : -1;
  const entries = [], misfits = [];
  for (const option of menu.options) {
    const costs = costsOf(option, wishes, held, data);
    const quality = qualityOf(option, weights);
    const why = misfit(option, costs, quality === null, wishes, weights, labels, held);
    if (quality === null || why) misfits.push({ option, quality, costs, fits: false, on_front: false, ties: [], reason: why });
    else entries.push({ option, quality, costs, good: sign * quality.value });
  }
  const tied = (one, other) => {
    const a = one.quality.error, b = other.quality.error;
    const reach = a === null || b === null ? 0 : data.normal95 * Math.sqrt(a ** 2 + b ** 2);
    return Math.abs(one.good - other.good) <= reach;
  };
  const beats = (one, other) => {
    const both = pairs(one, other);
    if ((!both.length && !hasNoCosts(other)) || both.some(([mine, theirs]) => mine > theirs)) return false;
    if (one.good > other.good && !tied(one, other)) return true;
    return one.good >= other.good && both.some(([mine, theirs]) => mine < theirs);
  };
  const byId = (a, b) => order(a.option.id, b.option.id);
  const beaterOf = (entry) => entries.filter((other) => other !== entry && beats(other, entry))
    .sort((a, b) => b.good - a.good || -byId(a, b))[0] ?? null;
  const beaten = new Map(entries.map((entry) => [entry, beaterOf(entry)]));
  const front = entries.filter((entry) => beaten.get(entry) === null);
  const frontReason = (entry, ties) => {
    const best = entry.good === Math.max(...entries.map((e) => e.good));
    const sizes = entries.map((e) => e.costs.memory_bytes).filter((n) => n !== null);
    const smallest = entry.costs.memory_bytes !== null && entry.costs.memory_bytes === Math.min(...sizes);
    let reason = "No other that fits is as good for as little memory, time and money";
    if (best && smallest) reason = `Best quality and least memory of the ${entries.length} that fit`;
    else if (best) reason = `Best quality of the ${entries.length} that fit`;
    else if (smallest) reason = `Least memory of the ${entries.length} that fit`;
    else if (hasNoCosts(entry)) reason = "No other that fits is better beyond doubt";
    if (hasNoCosts(entry)) reason += "; what it needs is not known";
    const names = ties.map((t) => t.option.name).sort(order);
    const more = names.length > TIES ? ` and ${names.length - TIES} more` : "";
    if (names.length) reason += `; tied in quality with ${names.slice(0, TIES).join(", ")}${more}`;
    return `${reason}.`;
  };
  const judged = [...entries].sort((a, b) => b.good - a.good || byId(a, b)).map((entry) => {
    const better = beaten.get(entry);
    const held = { option: entry.option, quality: entry.quality, costs: entry.costs, fits: true };
    if (better === null) {
      const ties = front.filter((other) => other !== entry && tied(entry, other));
      return { ...held, on_front: true, ties: ties.map((t) => t.option.id).sort(order), reason: frontReason(entry, ties) };
    }
    const cheaper = pairs(better, entry).some(([mine, theirs]) => mine < theirs);
    const reason = hasNoCosts(entry) ? `${better.option.name} is better; what this one needs is not known.`
      : tied(entry, better) ? `${better.option.name} is as good, within the interval, and costs less.`
      : `${better.option.name} is better and costs ${cheaper ? "less" : "no more"}.`;
    return { ...held, on_front: false, ties: [], reason };
  });
  const byMemory = (a, b) => (a.costs.memory_bytes ?? Infinity) - (b.costs.memory_bytes ?? Infinity) || byId(a, b);
  const size = (choice) => (choice.costs.memory_bytes ?? Infinity);
  misfits.sort((a, b) => (size(a) === size(b) ? byId(a, b) : byMemory(a, b)));
  const choices = [...judged.filter((c) => c.on_front), ...judged.filter((c) => !c.on_front), ...misfits];
  if (!entries.length) {
    const nearest = misfits.find((c) => c.quality !== null);
    if (!nearest) problems.push("Nothing fits: no model of this cohort has all the figures that you weigh.");
    else {
      const memory = nearest.costs.memory_bytes;
      const shown = memory === null ? "unknown memory" : `${amount(memory / 1e9)} GB`;
      problems.push(`Nothing fits. The smallest is ${nearest.option.name} (${shown}): ${nearest.reason}`);
    }
  }
  return { problems, unit: criterion.unit, higher_is_better: criterion.higher_is_better, choices, front: judged.filter((c) => c.on_front) };
};

// --- specifics (specifics.py, plain.py) ---
const breakEven = (one, other, wishes, held, data) => {
  const [small, large] = [one, other].sort((a, b) => (a.option.parameters ?? 0) - (b.option.parameters ?? 0) || order(a.option.id, b.option.id));
  const names = `${small.option.name} and ${large.option.name}`;
  if (small.costs.money === null || large.costs.money === null) return null;
  if (wishes.billing !== "machine") return `${names}: ${small.option.name} costs less at every number of tokens.`;
  const limit = capacity(perToken(large.option, data.speed, held, data), held);
  return `${names} cost the same up to ${amount(limit / 1e6)} million tokens a month, what one machine reads with ${large.option.name}; beyond that ${small.option.name} costs less.`;
};
const rentOrBuy = (option, held, data) => {
  const seconds = perToken(option, data.speed, held, data);
  const byToken = moneyOf(option, seconds, "token", held, 1);
  if (seconds === null || !byToken) return null;
  const tokens = held.hour_price * held.hours_per_month / byToken;
  if (tokens > capacity(seconds, held))
    return `${option.name}: by the token is cheaper at every volume, since a machine costs more than the tokens that it reads.`;
  return `${option.name}: an own machine is cheaper than paying by the token from ${amount(tokens / 1e6)} million tokens a month on.`;
};
const sensitivityOf = (option, wishes, held, data) => {
  const bill = (changed, speed) => moneyOf(option, perToken(option, speed, changed, data), wishes.billing, changed, changed.tokens_per_month);
  const row = (assumption, ends) => ends.includes(null) ? [] : [{ assumption, low: Math.min(...ends), high: Math.max(...ends) }];
  const rows = Object.entries(data.varied).flatMap(([name, field]) =>
    row(name, [0.5, 2].map((k) => bill({ ...held, [field]: held[field] * k }, data.speed))));
  if (data.speed && data.speed.factor !== null)
    rows.push(...row("error of the measured speed", [1 / data.speed.factor, data.speed.factor]
      .map((k) => bill(held, { ...data.speed, seconds: data.speed.seconds * k }))));
  return rows;
};
const answerOf = (wishes, held, data) => {
  const { front, choices, ...rest } = choose(wishes, held, data);
  const known = front.filter((c) => c.costs.memory_bytes !== null)
    .sort((a, b) => a.costs.memory_bytes - b.costs.memory_bytes || order(a.option.id, b.option.id));
  const shortlist = front.length ? [...new Set([front[0], known[0] ?? front[0]])] : [];
  const specifics = shortlist.length === 2 ? [breakEven(...shortlist, wishes, held, data)] : [];
  specifics.push(...shortlist.map((c) => rentOrBuy(c.option, held, data)));
  return {
    ...rest,
    choices: choices.map((c) => ({
      model: c.option.id, name: c.option.name, page: c.option.page,
      quality: c.quality?.value ?? null, error: c.quality?.error ?? null, evidence: c.quality?.evidence ?? [],
      ...c.costs, fits: c.fits, on_front: c.on_front, ties: c.ties, reason: c.reason,
    })),
    specifics: specifics.filter((sentence) => sentence !== null),
    sensitivity: Object.fromEntries(shortlist.map((c) => [c.option.id, sensitivityOf(c.option, wishes, held, data)]).filter(([, rows]) => rows.length)),
  };
};

// --- the page: a form that is the address, and a table ---
const element = (name, attributes = {}, ...inside) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
};
const LIMITS = { largest_parameters: ["Largest size, billion parameters", 1e9], memory_bytes: ["Memory, GB", 1e9], money: ["Money a month", 1] };
const readAddress = (data) => {
  const query = new URLSearchParams(location.search);
  const wishes = { menu: query.get("menu") ?? place.dataset.menu, weights: {}, licence: query.get("licence") ?? "",
    precision: query.get("precision") ?? "bfloat16", billing: query.get("billing") ?? "machine" };
  for (const [key, [, scale]] of Object.entries(LIMITS)) wishes[key] = Number(query.get(key) ?? 0) * scale || 0;
  const held = { ...data.assumptions };
  for (const [key, value] of query) {
    if (key.startsWith("w.")) wishes.weights[key.slice(2)] = Number(value) || 0;
    const name = key.slice(2);
    if (key.startsWith("a.") && Object.hasOwn(held, name)) {
      const given = typeof held[name] === "number" ? Number(value) : value;
      if (typeof given === "string" ? given : given > 0) held[name] = given;
    }
  }
  const menu = data.menus.find((one) => one.name === wishes.menu);
  if (menu && ![...query.keys()].some((key) => key.startsWith("w.") || key === "weights"))
    for (const c of menu.criteria) if (c.unit === menu.criteria[0].unit) wishes.weights[c.name] = 1;
  return { wishes, held };
};
const field = (label, name, control) => {
  control.name = name;
  return element("label", { class: "choose-field" }, element("span", {}, label), control);
};
const select = (choices, chosen) => {
  const made = element("select");
  for (const [value, label] of choices) made.append(element("option", { value }, label));
  made.value = chosen;
  return made;
};
const number = (value) => element("input", { type: "number", step: "any", min: "0", value: value || value === 0 ? String(value) : "" });
const buildForm = (data, { wishes, held }) => {
  const group = (title, open, ...fields) => element("details", open ? { open: "" } : {}, element("summary", {}, title), element("div", { class: "choose-fields" }, ...fields));
  const menu = data.menus.find((one) => one.name === wishes.menu) ?? data.menus[0];
  const roomy = !matchMedia("(max-width: 45em)").matches; // on a phone the answer comes first
  const [what = roomy, limited = roomy, assumed = false] = [...place.querySelectorAll("form details")].map((one) => one.open);
  const weights = menu.criteria.map((c) => field(`${c.label} (${c.higher_is_better ? "score" : c.unit})`, `w.${c.name}`, number(wishes.weights[c.name] ?? 0)));
  const limits = Object.entries(LIMITS).map(([key, [label, scale]]) => field(label, key, number(wishes[key] ? wishes[key] / scale : "")));
  const assumptions = Object.entries(held).map(([name, value]) =>
    field(data.meanings[name], `a.${name}`, typeof value === "number" ? number(value) : element("input", { value })));
  return element("form", { class: "choose-form" },
    field("Cohort: models whose figures are comparable", "menu", select(data.menus.map((m) => [m.name, m.title]), menu.name)),
    group("What matters: weights of benchmarks, or of texts", what, ...weights),
    group("Limits", limited, ...limits,
      field("Licence contains", "licence", element("input", { value: wishes.licence })),
      field("Precision of the weights", "precision", select(Object.keys(data.precisions).map((n) => [n, n]), wishes.precision)),
      field("Paid for", "billing", select(Object.entries(data.billings), wishes.billing))),
    group("Assumptions", assumed, ...assumptions));
};
const writeAddress = (form, data, changedMenu) => {
  const query = new URLSearchParams();
  for (const [key, value] of new FormData(form)) {
    const usual = key.startsWith("a.") ? String(data.assumptions[key.slice(2)]) : { precision: "bfloat16", billing: "machine" }[key] ?? "";
    if (key.startsWith("w.") ? !changedMenu && Number(value) : value !== usual) query.set(key, value);
  }
  if (!changedMenu && ![...query.keys()].some((key) => key.startsWith("w."))) query.set("weights", "none");
  history.replaceState(history.state, "", `?${query}`);
};
const shownNumber = (value, times, digits) => value === null ? "–" : (value * times).toFixed(digits).replace("-", "−");
const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
const table = (what, headings, rows) => {
  const caption = `${what}, as of ${place.dataset.date}`;
  const made = element("table", { class: "board" }, element("caption", {}, element("span", {}, caption)));
  made.append(element("thead", {}, element("tr", {}, ...headings.map(([label, n]) => element("th", n ? { scope: "col", class: "n" } : { scope: "col" }, label)))));
  const cells = (row) => row.map((cell, k) => k ? element("td", headings[k][1] ? { class: "n" } : {}, cell) : element("th", { scope: "row" }, cell));
  made.append(element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))));
  return element("div", { class: "board-scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
};
const show = (answer, held, data) => {
  const percent = answer.unit === "fraction";
  const quality = (c) => {
    if (c.quality === null) return "–";
    const half = c.error === null ? "" : ` ± ${shownNumber(c.error * data.normal95, percent ? 100 : 1, percent ? 1 : 4)}`;
    return `${shownNumber(c.quality, percent ? 100 : 1, percent ? 1 : 4)}${half}`;
  };
  const money = (value) => value === null ? "–" : held.currency + amount(value);
  const known = (choices, cost) => choices.some((c) => c[cost] !== null);
  const columns = [
    [["Model", 0], (c) => element("a", { href: place.dataset.base + c.page }, c.name)],
    [[percent ? "Quality, %" : `Cost of text, ${answer.unit}`, 1], quality],
    [["Memory, GB", 1], (c) => c.memory_bytes === null ? "–" : amount(c.memory_bytes / 1e9)],
    [["Hours a month", 1], (c) => c.seconds === null ? "–" : amount(c.seconds / 3600), "seconds"],
    [["Money a month", 1], (c) => money(c.money), "money"],
    [["Evidence", 0], (c) => c.evidence.join(", ") || "–"],
    [["Why", 0], (c) => c.reason],
  ];
  const choiceTable = (caption, choices) => {
    const shown = columns.filter(([, , cost]) => !cost || known(choices, cost));
    return table(caption, shown.map(([heading]) => heading), choices.map((c) => shown.map(([, cell]) => cell(c))));
  };
  document.getElementById("choose-speed").hidden = !known(answer.choices, "seconds");
  const parts = answer.problems.map((p) => element("p", { class: "notice" }, p));
  const front = answer.choices.filter((c) => c.on_front), rest = answer.choices.filter((c) => !c.on_front);
  if (front.length) parts.push(choiceTable(`Worth choosing, ${front.length} of ${counted(answer.choices.length, "model")}: no other is as good for as little, ${answer.higher_is_better ? "higher" : "lower"} is better; ± 95 % where it is known`, front));
  if (answer.specifics.length) parts.push(element("h2", {}, "Specifics"), element("ul", {}, ...answer.specifics.map((s) => element("li", {}, s))));
  for (const [model, rows] of Object.entries(answer.sensitivity)) {
    const name = answer.choices.find((c) => c.model === model).name;
    parts.push(table(`Money a month for ${name} when one of ${counted(rows.length, "assumption")} is half and twice what it is`, [["Assumption", 0], ["Low", 1], ["High", 1]],
      rows.map((r) => [r.assumption, money(r.low), money(r.high)])));
  }
  if (rest.length) parts.push(element("details", { class: "choose-rest" }, element("summary", {}, `The other ${rest.length}, and why not`), choiceTable(`Not chosen: ${counted(rest.length, "model")}`, rest)));
  const held_json = encodeURIComponent(JSON.stringify(answer));
  const print = element("button", { type: "button", class: "md-button" }, "Print the summary");
  print.addEventListener("click", () => window.print());
  parts.push(element("p", { class: "choose-actions" }, print, " ",
    element("a", { id: "choose-json", download: "choice.json", href: `data:application/json,${held_json}` }, "Download the answer (JSON)")));
  document.getElementById("choose-answer").replaceChildren(...parts);
};
const start = (data) => {
  const update = () => {
    const { wishes, held } = readAddress(data);
    show(answerOf(wishes, held, data), held, data);
  };
  const build = () => {
    const form = buildForm(data, readAddress(data));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      const changedMenu = event.target.name === "menu";
      writeAddress(form, data, changedMenu);
      if (changedMenu) build();
      update();
    });
    document.getElementById("choose-form").replaceChildren(form);
  };
  build();
  update();
};
fetch(place.dataset.source).then((response) => response.json()).then(start);
})();
