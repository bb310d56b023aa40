// The live figure of chapter 04: a GRU with one input and two units, every number a slider.
// Plain JavaScript: no framework, no network, works from file://.

(() => {
  "use strict";

  const { sigmoid, wordsOf, fill, make } = window.figureTools;

  // Every word a reader sees or hears. A language is added here and nowhere else.
  const WORDS = {
    en: {
      figure: "A GRU cell with one input and two units",
      cell: "Cell",
      gru: "GRU",
      article: "the article's",
      reset: "The reset gate acts",
      after: "after the product",
      before: "before it",
      update: "z near 1",
      keeps: "keeps",
      replaces: "replaces",
      input: "input x",
      old: "old state, unit {unit}",
      gateNames: { r: "Reset gate r", z: "Update gate z", f: "Forget gate f", i: "Input gate i" },
      candidate: "Candidate n",
      oldState: "Old state h",
      newState: "New state h′",
      weights: "{block}: weights and biases",
      unit: "unit {unit}",
      weightX: "weight of x",
      weightH: "weight of h, unit {from}",
      bias: "bias",
      biasH: "bias beside h",
      slider: "{block}, unit {unit}, {weight}",
      push: "{gate} → {end}",
      random: "Random",
      again: "Start again",
      step: "Step",
      steps: "Step {count} times",
      rewind: "State to 0",
      trace: "The state of both units over the last {shown} steps, from {low} to {high}",
      noTrace: "Press “Step”: the new state becomes the old one, and its path is drawn here.",
      mean: "Unit {unit} keeps {keep} of {old} and takes {take} of {candidate}: {new}.",
      sum: "Unit {unit} keeps {keep} of {old} and adds {take} of {candidate}: {new}.",
      noOutput: "The article's output gate is not shown: it reaches nothing.",
    },
  };

  const UNITS = [0, 1];
  const BLOCKS = ["first", "second", "candidate"]; // rows of r, z, n; the article: f, i, n
  const LETTERS = { gru: ["r", "z", "n"], article: ["f", "i", "n"] };
  const SATURATED = 20; // sigmoid(20) is 1 to eight digits
  const RANGES = { x: 2, state: 1, weight: 4, bias: SATURATED };
  const MANY_STEPS = 10;
  const LONGEST_TRACE = 40;
  const QUIET_MS = 300; // a sentence is spoken when the sliders have come to rest

  // PyTorch's layout: rows of block times two units.
  const FIRST = {
    weight_ih: [0.5, -0.8, 0.6, -0.5, 0.8, -0.6],
    weight_hh: [[0.5, -1], [1, 0.5], [0.3, -0.4], [-0.6, 0.2], [0.5, -2.5], [2.5, 0.5]],
    bias_ih: [0, 0, 0, 0, 0, 0],
    bias_hh: [0, 0, 0, 0, 0.5, -0.5],
    x: 1,
    h: [0.5, -0.5],
  };
  const copy = (value) => JSON.parse(JSON.stringify(value));

  // --- the arithmetic -----------------------------------------------------------------------

  const product = (row, h) => row[0] * h[0] + row[1] * h[1];

  /** One step; choice = { cell: gru | article, reset: after | before, update: keeps | replaces }. */
  function step(numbers, choice) {
    const { x, h } = numbers;
    const input = numbers.weight_ih.map((w, row) => w * x + numbers.bias_ih[row]);
    const state = numbers.weight_hh.map((w, row) => product(w, h) + numbers.bias_hh[row]);
    const first = UNITS.map((u) => sigmoid(input[u] + state[u]));
    const second = UNITS.map((u) => sigmoid(input[2 + u] + state[2 + u]));
    if (choice.cell === "article") {
      const n = UNITS.map((u) => Math.tanh(input[4 + u] + state[4 + u]));
      return { first, second, n, h: UNITS.map((u) => first[u] * h[u] + second[u] * n[u]) };
    }
    const seen = UNITS.map((u) => first[u] * h[u]); // what the candidate sees, reset before
    const past = UNITS.map((u) =>
      choice.reset === "after"
        ? first[u] * state[4 + u]
        : product(numbers.weight_hh[4 + u], seen) + numbers.bias_hh[4 + u],
    );
    const n = UNITS.map((u) => Math.tanh(input[4 + u] + past[u]));
    const keep = second.map((z) => (choice.update === "keeps" ? z : 1 - z));
    return { first, second, n, h: UNITS.map((u) => (1 - keep[u]) * n[u] + keep[u] * h[u]) };
  }

  // --- the page -----------------------------------------------------------------------------

  const words = wordsOf(WORDS);
  const three = (number) => number.toFixed(3).replace("-", "−");
  const button = (text) => make("button", { type: "button", class: "ge-button" }, text);

  /** A slider with its name and its value; `name` is what a screen reader says. */
  function makeSlider(text, name, range, whenMoved) {
    const slider = make("input", {
      type: "range",
      min: -range,
      max: range,
      step: 0.01,
      "aria-label": name,
    });
    const shown = make("output", { class: "ge-value" });
    slider.addEventListener("input", () => whenMoved(Number(slider.value)));
    const box = make("label", { class: "ge-slider" }, make("span", {}, text), slider, shown);
    function show(value) {
      const limit = Math.max(range, Math.ceil(Math.abs(value))); // the article's state runs away
      slider.min = -limit;
      slider.max = limit;
      slider.value = value;
      shown.textContent = three(value);
    }
    return { box, slider, show };
  }

  /** A group of radio buttons; `options` are [value, text]. */
  function makeRadios(name, legend, options, whenChosen) {
    const boxes = options.map(([value, text], index) => {
      const radio = make("input", { type: "radio", name: `ge-${name}`, value });
      radio.checked = index === 0;
      radio.addEventListener("change", () => whenChosen(value));
      return make("label", { class: "ge-radio" }, radio, text);
    });
    return make("fieldset", { class: "ge-choice" }, make("legend", {}, legend), ...boxes);
  }

  /** One row of the chart: a name, and for each unit a bar and its value. */
  function makeRow(low) {
    const name = make("span", { class: "ge-name" });
    const parts = UNITS.map(() => {
      const bar = make("rect", { y: 0.1, height: 0.8, class: "ge-bar" });
      const zero = make("line", { x1: 0, x2: 0, y1: 0, y2: 1, class: "ge-zero" });
      const view = { viewBox: `${low} 0 ${1 - low} 1`, preserveAspectRatio: "none" };
      const chart = make("svg", { ...view, class: "ge-chart", "aria-hidden": "true" }, bar, zero);
      return { bar, chart, shown: make("output", { class: "ge-value" }) };
    });
    const box = make("div", { class: "ge-row" }, name);
    for (const { chart, shown } of parts) box.append(make("div", {}, chart, shown));
    function show(text, values) {
      name.textContent = text;
      const limit = Math.max(1, ...values.map(Math.abs));
      parts.forEach(({ bar, chart, shown }, unit) => {
        chart.dataset.limit = limit;
        bar.setAttribute("x", Math.min(values[unit], 0) / limit);
        bar.setAttribute("width", Math.abs(values[unit]) / limit);
        shown.textContent = three(values[unit]);
      });
    }
    return { box, show };
  }

  function makeTrace() {
    const lines = UNITS.map((u) => make("polyline", { class: `ge-line ge-line-${u + 1}` }));
    const zero = make("line", { x1: 0, x2: LONGEST_TRACE, y1: 0, y2: 0, class: "ge-zero" });
    const view = { viewBox: `0 -1.05 ${LONGEST_TRACE} 2.1`, preserveAspectRatio: "none" };
    const chart = make("svg", { ...view, class: "ge-path", "aria-hidden": "true" }, zero, ...lines);
    const text = make("p", { class: "ge-note" });
    const key = make("p", { class: "ge-key", "aria-hidden": "true" });
    key.append(...UNITS.map((u) => make("span", {}, fill(words.unit, { unit: u + 1 }))));
    function show(trace) {
      const limit = Math.max(1, ...trace.flat().map(Math.abs));
      chart.dataset.limit = limit;
      lines.forEach((line, u) => {
        const points = trace.map((h, t) => `${t},${-h[u] / limit}`);
        line.setAttribute("points", points.join(" "));
      });
      const ends = { low: `−${limit.toFixed(1)}`, high: limit.toFixed(1) };
      const shown = trace.length - 1;
      text.textContent = shown ? fill(words.trace, { shown, ...ends }) : words.noTrace;
    }
    return { box: make("div", { class: "ge-trace" }, chart, key, text), show };
  }

  function start(place) {
    let numbers = copy(FIRST);
    const choice = { cell: "gru", reset: "after", update: "keeps" };
    let trace = [numbers.h];
    let speak = 0;

    // --- controls: each slider reads and writes one number -------------------------------------

    const sliders = []; // [slider, how to read its number]
    function addSlider(text, name, range, read, write) {
      const made = makeSlider(text, name, range, (value) => {
        write(value);
        show();
      });
      sliders.push([made, read]);
      return made.box;
    }

    const inputs = make("div", { class: "ge-sliders" });
    inputs.append(
      addSlider(words.input, words.input, RANGES.x, () => numbers.x, (v) => (numbers.x = v)),
    );
    for (const u of UNITS) {
      const name = fill(words.old, { unit: u + 1 });
      const write = (v) => {
        numbers.h = numbers.h.map((old, unit) => (unit === u ? v : old));
        trace = [numbers.h];
      };
      inputs.append(addSlider(name, name, RANGES.state, () => numbers.h[u], write));
    }

    const blockName = (block) =>
      block === 2 ? words.candidate : words.gateNames[LETTERS[choice.cell][block]];
    const folds = BLOCKS.map((_, block) => {
      const title = make("summary");
      const units = UNITS.map((u) => makeUnit(block, u));
      return { title, box: make("details", { class: "ge-fold" }, title, ...units) };
    });

    /** The sliders of one unit in one block; the two biases of a gate add, so one is enough. */
    function makeUnit(block, u) {
      const row = 2 * block + u;
      const box = make("fieldset", { class: "ge-unit" });
      box.append(make("legend", {}, fill(words.unit, { unit: u + 1 })));
      const add = (weight, range, table, column) => {
        const read = () => (column === undefined ? numbers[table][row] : numbers[table][row][column]);
        const write = (v) => {
          if (column === undefined) numbers[table][row] = v;
          else numbers[table][row][column] = v;
        };
        box.append(addSlider(weight, `${block}|${u}|${weight}`, range, read, write));
      };
      add(words.weightX, RANGES.weight, "weight_ih");
      for (const from of UNITS) {
        add(fill(words.weightH, { from: from + 1 }), RANGES.weight, "weight_hh", from);
      }
      add(words.bias, RANGES.bias, "bias_ih");
      if (block === 2) add(words.biasH, RANGES.weight, "bias_hh");
      return box;
    }

    function nameSliders() {
      folds.forEach(({ title, box }, block) => {
        title.textContent = fill(words.weights, { block: blockName(block) });
        for (const slider of box.querySelectorAll("input")) {
          const [, unit, weight] = (slider.dataset.key ||= slider.getAttribute("aria-label")).split("|");
          const values = { block: blockName(block), unit: Number(unit) + 1, weight };
          slider.setAttribute("aria-label", fill(words.slider, values));
        }
      });
    }

    const pushes = [0, 1].flatMap((block) =>
      [1, 0].map((end) => {
        const made = button("");
        made.addEventListener("click", () => {
          for (const u of UNITS) numbers.bias_ih[2 * block + u] = end ? SATURATED : -SATURATED;
          show();
        });
        return { made, block, end };
      }),
    );

    const random = button(words.random);
    random.addEventListener("click", () => {
      const draw = (range) => Math.round(100 * range * (2 * Math.random() - 1)) / 100;
      for (const row of numbers.weight_ih.keys()) {
        numbers.weight_ih[row] = draw(2);
        numbers.weight_hh[row] = [draw(2), draw(2)];
        numbers.bias_ih[row] = draw(2);
        numbers.bias_hh[row] = row < 4 ? 0 : draw(2);
      }
      show();
    });
    const again = button(words.again);
    again.addEventListener("click", () => {
      numbers = copy(FIRST);
      trace = [numbers.h];
      show();
    });

    function take(count) {
      for (let done = 0; done < count; done += 1) {
        numbers.h = step(numbers, choice).h;
        trace = [...trace, numbers.h].slice(-LONGEST_TRACE - 1);
      }
      show();
    }
    const stepping = [button(words.step), button(fill(words.steps, { count: MANY_STEPS }))];
    stepping[0].addEventListener("click", () => take(1));
    stepping[1].addEventListener("click", () => take(MANY_STEPS));
    const rewind = button(words.rewind);
    rewind.addEventListener("click", () => {
      numbers.h = [0, 0];
      trace = [numbers.h];
      show();
    });

    const choose = (name) => (value) => {
      choice[name] = value;
      trace = [numbers.h];
      show();
    };
    const radios = {
      cell: makeRadios("cell", words.cell, [["gru", words.gru], ["article", words.article]], choose("cell")),
      reset: makeRadios("reset", words.reset, [["after", words.after], ["before", words.before]], choose("reset")),
      update: makeRadios("update", words.update, [["keeps", words.keeps], ["replaces", words.replaces]], choose("update")),
    };

    // --- what is shown --------------------------------------------------------------------------

    const rows = { first: makeRow(0), second: makeRow(0), n: makeRow(-1), old: makeRow(-1), new: makeRow(-1) };
    const path = makeTrace();
    const said = make("p", { class: "ge-said", "aria-live": "polite" });
    const note = make("p", { class: "ge-note ge-output" }, words.noOutput);

    function sentence(result) {
      const article = choice.cell === "article";
      const percent = (share) => `${(100 * share).toFixed(0)}\u00a0%`;
      return UNITS.map((u) => {
        const z = result.second[u];
        const keep = article ? result.first[u] : choice.update === "keeps" ? z : 1 - z;
        return fill(article ? words.sum : words.mean, {
          unit: u + 1,
          keep: percent(keep),
          take: percent(article ? z : 1 - keep),
          old: three(numbers.h[u]),
          candidate: three(result.n[u]),
          new: three(result.h[u]),
        });
      }).join(" ");
    }

    function show() {
      const result = step(numbers, choice);
      for (const [made, read] of sliders) made.show(read());
      nameSliders();
      for (const { made, block, end } of pushes) {
        made.textContent = fill(words.push, { gate: LETTERS[choice.cell][block], end });
      }
      rows.first.show(blockName(0), result.first);
      rows.second.show(blockName(1), result.second);
      rows.n.show(words.candidate, result.n);
      rows.old.show(words.oldState, numbers.h);
      rows.new.show(words.newState, result.h);
      path.show(trace);
      const article = choice.cell === "article";
      radios.reset.disabled = radios.update.disabled = article;
      note.classList.toggle("ge-hidden", !article);
      clearTimeout(speak);
      speak = setTimeout(() => (said.textContent = sentence(result)), QUIET_MS);
    }

    place.setAttribute("role", "group");
    place.setAttribute("aria-label", words.figure);
    const head = make("div", { class: "ge-row ge-head", "aria-hidden": "true" }, make("span"));
    head.append(...UNITS.map((u) => make("span", {}, fill(words.unit, { unit: u + 1 }))));
    place.append(
      make("div", { class: "ge-choices" }, radios.cell, radios.reset, radios.update),
      inputs,
      make("div", { class: "ge-buttons" }, ...pushes.map(({ made }) => made), random, again),
      ...folds.map(({ box }) => box),
      make("div", { class: "ge-rows" }, head, ...Object.values(rows).map(({ box }) => box)),
      said,
      note,
      make("div", { class: "ge-buttons" }, ...stepping, rewind),
      path.box,
    );
    show();
    window.gruExplorer = {
      numbers: () => copy(numbers),
      choice: () => ({ ...choice }),
      trace: () => copy(trace),
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("gru-explorer");
    if (place) start(place);
  });
})();
