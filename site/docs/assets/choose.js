// Choose a model: the Pareto front of quality against memory, from data/choose.json.
// `choose` and `costSentence` answer as compression_leaderboard/choose.py; tests/vectors/choose.json
// compares them. The request is the form, kept in the address and sent nowhere.
import { UNKNOWN, counted, escapeHtml, number, spellOut, sum, writeQuery } from "./format.js";

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const rounded = (value) => String(Number(value.toPrecision(3)));
const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// The first constraint that a model does not meet, as a sentence; "" where it meets all.
const misfit = (option, memory, cohort, request, messages) => {
  const missing = cohort.criteria.filter((_, k) => request.weights[k] > 0 && !option.scores[k]);
  if (missing.length) return fill(messages.missing, { names: missing.map((c) => c.label).join(", ") });
  if (request.licence && option.licence === null) return messages.unknown_licence;
  if (option.licence !== null && !option.licence.toLowerCase().includes(request.licence.toLowerCase()))
    return fill(messages.licence, option);
  for (const [name, value, limit] of [
    ["parameters", option.parameters, request.largest_parameters],
    ["memory", memory, request.memory_bytes],
  ]) {
    if (limit !== null && value === null) return messages.unknown_parameters;
    if (limit !== null && value > limit)
      return fill(messages[name], { value: rounded(value / 1e9), limit: rounded(limit / 1e9) });
  }
  return "";
};

const assess = (option, cohort, request, data) => {
  const { model, name, page, scores, parameters, cache_bytes_per_token } = option;
  const memory = parameters === null ? null : parameters * data.precisions[request.precision]
    + cache_bytes_per_token * request.context_tokens + data.runtime_bytes;
  const total = sum(request.weights);
  const shares = request.weights.map((weight, k) => [scores[k], weight / total]).filter(([, share]) => share > 0);
  const known = shares.filter(([score]) => score).map(([[value, stderr], share]) => ({ value, stderr, share }));
  const complete = known.length === shares.length;
  const hasErrors = complete && known.every(({ stderr }) => stderr !== null);
  const reason = misfit(option, memory, cohort, request, data.messages);
  return {
    model, name, page,
    quality: complete ? sum(known.map(({ value, share }) => value * share)) : null,
    stderr: hasErrors ? Math.hypot(...known.map(({ stderr, share }) => stderr * share)) : null,
    provenance: known.length ? [cohort.provenance] : [],
    memory_bytes: memory, fits: !reason, pareto_optimal: false, ties: [], reason,
  };
};

export const choose = (cohort, request, data) => {
  const { messages, normal_95, listed_ties } = data;
  const refuse = (problem) => ({ problem, unit: null, higher_is_better: true, choices: [] });
  const weighted = cohort.criteria.filter((_, k) => request.weights[k] > 0);
  if (!weighted.length) return refuse(messages.no_weight);
  const [{ unit, higher_is_better }] = weighted;
  if (weighted.some((c) => c.unit !== unit || c.higher_is_better !== higher_is_better)) return refuse(messages.mixed_units);
  const advantage = (a, b) => (higher_is_better ? a.quality - b.quality : b.quality - a.quality);
  const memoryOf = (choice) => choice.memory_bytes ?? Infinity;
  const assessed = cohort.options.map((option) => assess(option, cohort, request, data));
  const fitting = assessed.filter((c) => c.fits).sort((a, b) => advantage(b, a) || compare(a.name, b.name));
  const misfits = assessed.filter((c) => !c.fits)
    .sort((a, b) => compare(memoryOf(a), memoryOf(b)) || compare(a.name, b.name));
  const interval = (a, b) => (a.stderr === null || b.stderr === null ? 0 : normal_95 * Math.hypot(a.stderr, b.stderr));
  const distinguishable = (a, b) => Math.abs(a.quality - b.quality) > interval(a, b);
  const dominates = (rival, choice) => {
    const gain = advantage(rival, choice);
    if (gain < 0) return false;
    if (choice.memory_bytes === null) return distinguishable(rival, choice);
    if (memoryOf(rival) > choice.memory_bytes) return false;
    return memoryOf(rival) < choice.memory_bytes || distinguishable(rival, choice);
  };
  const rivals = new Map(fitting.map((choice) => [choice, fitting.find((rival) => dominates(rival, choice))]));
  const front = fitting.filter((choice) => !rivals.get(choice));
  const least = Math.min(...fitting.map(memoryOf));
  for (const choice of fitting) {
    const rival = rivals.get(choice);
    if (rival) {
      const key = choice.memory_bytes === null ? "better_than_unknown" : distinguishable(choice, rival) ? "better" : "as_good";
      choice.reason = fill(messages[key], rival);
      continue;
    }
    const isBest = choice.quality === fitting[0].quality, isSmallest = choice.memory_bytes === least;
    choice.pareto_optimal = true;
    choice.reason = messages[isBest && isSmallest ? "best_and_smallest" : isBest ? "best" : isSmallest ? "smallest"
      : choice.memory_bytes === null ? "unknown_memory" : "optimal"];
    choice.ties = front.filter((other) => other !== choice && !distinguishable(choice, other)).map((c) => c.name).sort(compare);
    let names = choice.ties.slice(0, listed_ties).join(", ");
    if (choice.ties.length > listed_ties) names = fill(messages.more, { names, count: choice.ties.length - listed_ties });
    if (names) choice.reason = fill(messages.tied, { reason: choice.reason, names });
  }
  const smallest = misfits.find((choice) => choice.quality !== null);
  const problem = fitting.length ? null : smallest ? fill(messages.nothing_fits, smallest) : messages.no_figures;
  return { problem, unit, higher_is_better, choices: [...front, ...fitting.filter((c) => !c.pareto_optimal), ...misfits] };
};

export const costSentence = ({ messages }, price, throughput, tokensPerMonth, currency) => {
  const money = (value) => `${rounded(value)} ${currency}`.trimEnd();
  const perMillion = price / (throughput * 3600) * 1e6, millions = tokensPerMonth / 1e6;
  const sentence = fill(messages.cost, { price: money(price), throughput: rounded(throughput), cost: money(perMillion) });
  if (tokensPerMonth === null) return sentence;
  return fill(messages.monthly_cost, { sentence, tokens: rounded(millions), cost: money(perMillion * millions) });
};

// --- the page: a form that is kept in the address, and two tables ---
const place = document.getElementById("choose");
const rowHtml = (choice, { unit }, data) => {
  const [times, digits] = unit === "fraction" ? [100, 1] : [1, 4];
  const spread = choice.stderr === null ? "" : ` ± ${number(times * data.normal_95 * choice.stderr, digits)}`;
  const memory = choice.memory_bytes === null ? UNKNOWN : rounded(choice.memory_bytes / 1e9);
  return `<tr><th scope="row"><a href="../${escapeHtml(choice.page)}">${escapeHtml(choice.name)}</a></th>`
    + `<td class="n">${number(choice.quality === null ? null : times * choice.quality, digits)}${spread}</td><td class="n">${memory}</td>`
    + `<td>${choice.provenance.join(", ") || UNKNOWN}</td><td>${escapeHtml(choice.reason)}</td></tr>`;
};
const show = (answer, cost, data) => {
  for (const [name, text] of [["problem", answer.problem], ["cost", cost]])
    Object.assign(document.getElementById(`choose-${name}`), { hidden: !text, textContent: text });
  const shown = { front: answer.choices.filter((c) => c.pareto_optimal), others: answer.choices.filter((c) => !c.pareto_optimal) };
  for (const [name, choices] of Object.entries(shown)) {
    const table = document.getElementById(`choose-${name}`);
    const section = table.closest("section");
    const caption = fill(section.dataset.caption, {
      n: choices.length, models: counted(name === "front" ? answer.choices.length : choices.length, "model"),
      direction: answer.higher_is_better ? "Higher" : "Lower",
    });
    section.hidden = !choices.length;
    table.caption.firstElementChild.textContent = table.parentElement.ariaLabel = caption;
    table.tHead.rows[0].cells[1].textContent = `Quality, ${answer.unit === "fraction" ? "%" : answer.unit}`;
    table.tBodies[0].innerHTML = choices.map((choice) => rowHtml(choice, answer, data)).join("");
  }
};
const start = (data) => {
  const form = place.querySelector("form");
  const controls = () => [...form.elements].filter((control) => control.name);
  const standard = (control) => control.defaultValue ?? control.querySelector("[selected]").value;
  const cohortNow = () => data.cohorts.find((c) => c.name === form.elements.cohort.value);
  const listWeights = () => {
    form.querySelector("[data-weights]").innerHTML = cohortNow().criteria.map((c) => `<label class="choose-field"><span>`
      + `${escapeHtml(c.unit === "fraction" ? c.label : `${c.label} (${c.unit})`)}</span><input type="number" step="any" min="0" `
      + `name="w.${escapeHtml(c.name)}" value="${c.default_weight}"></label>`).join("");
  };
  const address = new URLSearchParams(location.search);
  const readAddress = (control) => {
    if (address.has(control.name)) control.value = address.get(control.name);
    if (control.matches("select") && !control.value) control.value = standard(control); // unknown
  };
  const update = () => {
    const positive = (name, scale = 1) => {
      const value = Number(form.elements[name].value) * scale;
      return value > 0 && value < Infinity ? value : null;
    };
    const { precision, licence, currency } = form.elements;
    const cohort = cohortNow();
    const answer = choose(cohort, {
      weights: cohort.criteria.map((c) => positive(`w.${spellOut(c.name)}`) ?? 0), precision: precision.value,
      context_tokens: positive("context") ?? 0, licence: licence.value,
      largest_parameters: positive("parameters", 1e9), memory_bytes: positive("memory", 1e9),
    }, data);
    const price = positive("price"), throughput = positive("throughput");
    show(answer, price && throughput && costSentence(data, price, throughput, positive("tokens"), currency.value), data);
  };
  readAddress(form.elements.cohort);
  listWeights();
  controls().forEach(readAddress);
  form.addEventListener("input", ({ target }) => {
    if (target.name === "cohort") listWeights();
    writeQuery(new URLSearchParams(controls().filter((c) => c.value !== standard(c)).map((c) => [c.name, c.value])));
    update();
  });
  for (const fold of [...form.querySelectorAll("details")].slice(0, 2)) // on a phone the answer comes first
    fold.open = !matchMedia("(max-width: 45em)").matches;
  update();
};
if (place) start(await (await fetch(place.dataset.source)).json());
