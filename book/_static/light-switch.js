// The live figure of the front page: a light switch that is pressed or not at each of 24 steps.
// A GRU with ONE number of memory always knows whether the light is on; a window of the last
// k bits does not. Plain JavaScript: no framework, no network, works from file://.

(() => {
  "use strict";

  const { sigmoid, wordsOf, fill, make } = window.figureTools;

  // Every word a reader sees or hears. A language is added here and nowhere else.
  const WORDS = {
    en: {
      figure: "A light switch, a GRU and a window",
      strip: "Is the switch pressed? Step 1 to {steps}",
      step: "Step {step}",
      random: "Press at random",
      clear: "Clear",
      slider: "The window sees the last",
      bit: "bit",
      bits: "bits",
      rowSwitch: "Press",
      rowLight: "Light is",
      rowState: "state h",
      rowGate: "gate z",
      rowGru: "GRU says",
      rowWindow: "Window says",
      on: "on",
      off: "off",
      pressed: "pressed",
      notPressed: "not pressed",
      right: "right",
      wrong: "wrong",
      counts:
        "GRU with one number of memory: {gru} of {steps} right. " +
        "Window of the last {width}: {window} of {steps} right.",
      hint: "Press the switch at any step. Point at a step, or move with ← and →, to see its numbers.",
      numbers:
        "Step {step}, {press}: light {light}. h\u00a0=\u00a0{h}, z\u00a0=\u00a0{z}, " +
        "r\u00a0=\u00a0{r}, n\u00a0=\u00a0{n}: " +
        "GRU says {gru}, {gruMark}. Window says {window}, {windowMark}.",
    },
  };

  // The reference of the exercise background/one-unit-gru. Rows: reset, update, candidate.
  const WEIGHTS = {
    weight_ih: [[0], [-40], [0]], // a 1 pushes z from keep to replace
    bias_ih: [20, 20, 3], // r open; z near 1 (keep) on a 0; candidate high...
    weight_hh: [[0], [0], [-3]], // ...unless the state is high already
    bias_hh: [0, 0, 0],
  };

  const FIRST_BITS = [0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1];
  const STEPS = FIRST_BITS.length;
  const WIDEST_WINDOW = 12;
  const FIRST_WINDOW = 6;
  // Lines hold 8, 12 or 24 steps; the style sheet hides the labels that its line length does not need.
  const LABELLED_STEPS = [0, 8, 12, 16];

  // --- the arithmetic -----------------------------------------------------------------------

  /** One step of the one-unit GRU, in PyTorch's convention (z keeps). */
  function gruStep(x, h) {
    const input = WEIGHTS.weight_ih.map((row, i) => row[0] * x + WEIGHTS.bias_ih[i]);
    const state = WEIGHTS.weight_hh.map((row, i) => row[0] * h + WEIGHTS.bias_hh[i]);
    const r = sigmoid(input[0] + state[0]);
    const z = sigmoid(input[1] + state[1]);
    const n = Math.tanh(input[2] + r * state[2]);
    return { r, z, n, h: (1 - z) * n + z * h };
  }

  function run(bits) {
    let h = 0;
    return bits.map((bit) => {
      const step = gruStep(bit, h);
      h = step.h;
      return step;
    });
  }

  const parity = (bits) => bits.reduce((sum, bit) => sum + bit, 0) % 2;

  /** What the light does, what the GRU says and what the window says, at every step. */
  function answers(bits, width) {
    return run(bits).map((gru, i) => {
      const seen = bits.slice(0, i + 1);
      return {
        ...gru,
        light: parity(seen),
        gruSays: Number(gru.h > 0.5),
        windowSays: parity(seen.slice(-width)),
      };
    });
  }

  // --- the page -----------------------------------------------------------------------------

  const words = wordsOf(WORDS);
  const button = (text) => make("button", { type: "button", class: "ls-button" }, text);

  function makeControls() {
    const random = button(words.random);
    const clear = button(words.clear);
    const slider = make("input", {
      type: "range",
      id: "ls-width",
      min: 1,
      max: WIDEST_WINDOW,
      value: FIRST_WINDOW,
    });
    const shown = make("output", { for: "ls-width", class: "ls-shown" });
    const label = make("label", { for: "ls-width" }, words.slider);
    const box = make(
      "div",
      { class: "ls-controls" },
      make("div", { class: "ls-slider" }, label, slider, shown),
      make("div", { class: "ls-buttons" }, random, clear),
    );
    return { box, random, clear, slider, shown };
  }

  /** Names of the rows. Hidden from screen readers, to which every button tells its own numbers. */
  function makeLabels(step) {
    const chart = make(
      "span",
      { class: "ls-chart" },
      make("span", { class: "ls-key-h" }, words.rowState),
      make("span", { class: "ls-key-z" }, words.rowGate),
    );
    return make(
      "div",
      { class: `ls-labels ls-labels-${step}`, "aria-hidden": "true" },
      make("span", { class: "ls-press" }, words.rowSwitch),
      make("span", { class: "ls-light" }, words.rowLight),
      chart,
      make("span", { class: "ls-answer" }, words.rowGru),
      make("span", { class: "ls-answer" }, words.rowWindow),
    );
  }

  /** One column: its button, the light, the chart and the two answers. */
  function makeStep(index) {
    const press = make("button", {
      type: "button",
      class: "ls-press",
      "aria-label": fill(words.step, { step: index + 1 }),
      "aria-describedby": "ls-numbers",
    });
    const light = make("span", { class: "ls-light" }, make("i", { class: "ls-lamp" }));
    const bar = make("rect", { x: 0.2, width: 0.6, class: "ls-h" });
    const gate = make("path", { class: "ls-z" });
    const half = make("path", { class: "ls-half", d: "M0,0.5H1" }); // where on and off part
    // a margin above and below, so that no line at 0 or 1 is cut in half
    const frame = { viewBox: "0 -0.06 1 1.12", preserveAspectRatio: "none", class: "ls-chart" };
    const chart = make("svg", frame, half, bar, gate);
    const [gru, windowed] = [0, 1].map(() =>
      make("span", { class: "ls-answer" }, make("i", { class: "ls-lamp" }), make("b")),
    );
    const seen = make("div", { "aria-hidden": "true" }, light, chart, gru, windowed);
    const box = make("div", { class: "ls-step" }, press, seen);
    return { box, press, light, bar, gate, gru, windowed };
  }

  function showLamp(cell, on) {
    cell.querySelector(".ls-lamp").classList.toggle("ls-on", on === 1);
  }

  function showAnswer(cell, says, light) {
    showLamp(cell, says);
    cell.classList.toggle("ls-wrong", says !== light);
    cell.querySelector("b").textContent = says === light ? "✓" : "✗";
  }

  function showStep(parts, bit, answer, zBefore) {
    parts.press.setAttribute("aria-pressed", String(bit === 1));
    showLamp(parts.light, answer.light);
    parts.bar.setAttribute("y", 1 - answer.h);
    parts.bar.setAttribute("height", answer.h);
    parts.gate.setAttribute("d", `M0,${1 - zBefore}V${1 - answer.z}H1`);
    showAnswer(parts.gru, answer.gruSays, answer.light);
    showAnswer(parts.windowed, answer.windowSays, answer.light);
  }

  function countsText(all, width) {
    const count = (name) => all.filter((answer) => answer[name] === answer.light).length;
    const values = { gru: count("gruSays"), window: count("windowSays"), width, steps: STEPS };
    return fill(words.counts, values);
  }

  function numbersText(step, bit, answer) {
    const lamp = (on) => (on ? words.on : words.off);
    const mark = (says) => (says === answer.light ? words.right : words.wrong);
    const three = (number) => number.toFixed(3);
    return fill(words.numbers, {
      step: step + 1,
      press: bit ? words.pressed : words.notPressed,
      light: lamp(answer.light),
      h: three(answer.h),
      z: three(answer.z),
      r: three(answer.r),
      n: three(answer.n),
      gru: lamp(answer.gruSays),
      gruMark: mark(answer.gruSays),
      window: lamp(answer.windowSays),
      windowMark: mark(answer.windowSays),
    });
  }

  function start(place) {
    let bits = [...FIRST_BITS];
    let looked = null; // the step whose numbers stand below the strip

    const controls = makeControls();
    const steps = bits.map((_, i) => makeStep(i));
    const strip = make("div", {
      class: "ls-strip",
      role: "toolbar",
      "aria-label": fill(words.strip, { steps: STEPS }),
    });
    for (const [i, step] of steps.entries()) {
      if (LABELLED_STEPS.includes(i)) strip.append(makeLabels(i));
      strip.append(step.box);
    }
    const counts = make("p", { class: "ls-counts", "aria-live": "polite" });
    const numbers = make("p", { class: "ls-numbers", id: "ls-numbers" });

    function show() {
      const width = Number(controls.slider.value);
      const all = answers(bits, width);
      const zBefore = (i) => all[Math.max(i - 1, 0)].z;
      steps.forEach((step, i) => showStep(step, bits[i], all[i], zBefore(i)));
      controls.shown.textContent = `${width} ${width === 1 ? words.bit : words.bits}`;
      counts.textContent = countsText(all, width);
      numbers.textContent =
        looked === null ? words.hint : numbersText(looked, bits[looked], all[looked]);
    }

    function setBits(values) {
      bits = values.map(Number);
      show();
    }

    function look(step) {
      looked = step;
      show();
    }

    /** Tab stops once in the strip, at the step that was visited last; arrows move inside it. */
    function makeTabStop(index) {
      steps.forEach((step, i) => step.press.setAttribute("tabindex", i === index ? 0 : -1));
    }

    const indexOf = (node) => steps.findIndex((step) => step.box.contains(node));
    const focused = () => indexOf(document.activeElement);
    const known = (index) => (index < 0 ? null : index);

    function move(event) {
      const here = focused();
      const goals = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: STEPS - 1 };
      const goal = goals[event.key];
      const chord = event.altKey || event.ctrlKey || event.metaKey; // Alt+← is the browser's
      if (goal === undefined || chord) return;
      event.preventDefault();
      steps[Math.min(Math.max(goal, 0), STEPS - 1)].press.focus();
    }

    steps.forEach((step, i) => {
      step.press.addEventListener("click", () =>
        setBits(bits.map((bit, j) => (j === i ? 1 - bit : bit))),
      );
      step.press.addEventListener("focus", () => {
        makeTabStop(i);
        look(i);
      });
      step.box.addEventListener("pointerenter", () => look(i));
    });
    strip.addEventListener("keydown", move);
    strip.addEventListener("pointerleave", () => look(known(focused())));
    strip.addEventListener("focusout", (event) => look(known(indexOf(event.relatedTarget))));
    controls.slider.addEventListener("input", show);
    controls.clear.addEventListener("click", () => setBits(bits.map(() => 0)));
    controls.random.addEventListener("click", () =>
      setBits(bits.map(() => Math.round(Math.random()))),
    );

    place.setAttribute("role", "group");
    place.setAttribute("aria-label", words.figure);
    place.append(controls.box, strip, counts, numbers);
    makeTabStop(0);
    show();
    window.lightSwitch = { weights: WEIGHTS, run, bits: () => [...bits], setBits };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("light-switch");
    if (place) start(place);
  });
})();
