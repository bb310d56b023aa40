// The language model of chapter 32, running in the page: a prompt, a temperature, the next
// character, the gates. Plain JavaScript: no framework, no network, works from file://.
//
// The weights are loaded when a reader first asks for them, by a <script> element, which a page
// from a disk may add though it may not fetch. gru_lib/page_weights.py says how they are written.

(() => {
  "use strict";

  const { sigmoid, wordsOf, fill, make } = window.figureTools;

  // Every word a reader sees or hears. A language is added here and nowhere else.
  const WORDS = {
    en: {
      figure: "A GRU language model that writes on",
      prompt: "Prompt",
      weights: "Weights",
      base: "base (Python reference)",
      numpy: "fine-tuned (NumPy's docstrings; {kilobytes} kB more)",
      temperature: "Temperature",
      seed: "Seed",
      load: "Load the model ({kilobytes} kB)",
      loading: "Loading…",
      failed: "The weights cannot be used: {why}.",
      missing: "{file} did not load",
      otherFormat: "{file} is of format {found}; this page reads format {expected}",
      otherBase: "{file} belongs to other base weights; reload the page",
      write: "Write",
      stop: "Stop",
      step: "One character",
      again: "Start again",
      text: "The text",
      hint: "No weights are loaded yet: press a button or type, and they come ({kilobytes} kB).",
      unknown: "The model does not know {characters}.",
      readAs: "“{character}” ({code}, read as “{read}”)",
      cut: "Of the prompt's {count} characters only the last {kept} are read.",
      next: "The next character",
      others: "all others",
      newLine: "new line",
      space: "space",
      saidNext: "After {last}, the likeliest: {list}.",
      saidItem: "{character} {percent}",
      saidText: "Written: “{text}”.",
      saidPause: "A pause after {count} characters: “Write” goes on.",
      inside: "Inside the network",
      layer: "Layer",
      picture: "Picture",
      gates: { z: "update gate z", r: "reset gate r", h: "state h" },
      units: "All {count} units, reading {last}",
      history: "The same units at the last {count} characters: {name}",
      key: "Gates: empty is 0, full is 1. State: blue-green above 0, orange below.",
      unit: "Unit",
      unitSays: "unit {unit}: z {z}, r {r}, h {h}",
      mean: "Mean over the units, reading {last}: z {z}, r {r}, size of h {h}.",
      meanRange:
        "Over the last {count} characters, this mean of z was lowest ({low}) at {lowAt} " +
        "and highest ({high}) at {highAt}.",
    },
  };

  // What the files weigh, to be said before they are there; a test compares.
  const KILOBYTES = { base: 363, numpy: 35 };
  const FORMAT = 1;
  const START = 0; // a text begins after a new line, as in gru_lib
  const LONGEST = 1000; // characters that are kept and shown; the state goes on without the others
  const REMEMBERED = 40; // characters in the picture
  const A_RUN = 300; // characters after which writing pauses
  const SHOWN = 10; // bars
  const QUIET_MS = 300; // a sentence is spoken when all has come to rest
  const WRITE_MS = 40; // between two characters
  const CALM = { characters: 20, ms: 1000 }; // where less motion is asked for
  const FIRST = { prompt: "The return value of ", temperature: 0.7, seed: 1 };
  const HERE = document.currentScript.src;

  // What gru_lib.data.characters.normalise_text makes of typography; all else becomes "?".
  const LIKES = { "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\t": "    " };
  const OTHER = "?";

  // --- reading weights ------------------------------------------------------------------------

  const DIGITS =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

  /** Bytes of a text in base 85: five characters are a number of four bytes, its highest first. */
  function bytesOf(text) {
    const value = new Uint8Array(128);
    for (let digit = 0; digit < DIGITS.length; digit += 1) value[DIGITS.charCodeAt(digit)] = digit;
    const bytes = new Uint8Array((text.length / 5) * 4);
    for (let from = 0, to = 0; from < text.length; from += 5, to += 4) {
      let number = 0;
      for (let i = 0; i < 5; i += 1) number = number * 85 + value[text.charCodeAt(from + i)];
      bytes[to] = number >>> 24;
      bytes[to + 1] = number >>> 16;
      bytes[to + 2] = number >>> 8;
      bytes[to + 3] = number;
    }
    return bytes;
  }

  /** Float32Arrays by name: vectors as they are, matrices as codes times the scale of their row. */
  function tensorsOf({ tensors, data }) {
    const bytes = bytesOf(data);
    const count = tensors.reduce((sum, [, shape]) => sum + shape[0], 0);
    const floats = new Float32Array(bytes.buffer, 0, count); // little-endian, as all browsers are
    const codes = new Int8Array(bytes.buffer, 4 * count);
    const found = {};
    let float = 0;
    let code = 0;
    for (const [name, [rows, columns]] of tensors) {
      const first = floats.slice(float, (float += rows));
      found[name] = first;
      if (columns === undefined) continue;
      found[name] = new Float32Array(rows * columns);
      for (let i = 0; i < found[name].length; i += 1, code += 1) {
        found[name][i] = codes[code] * first[Math.floor(i / columns)];
      }
    }
    return found;
  }

  /** The weights with the low-rank updates (alpha / rank) B A added; the others are shared. */
  function withUpdates(weights, { alpha, rank }, factors) {
    const added = { ...weights };
    for (const name of Object.keys(factors).filter((key) => key.endsWith(".A"))) {
      const target = name.slice(0, -".A".length);
      const [a, b] = [factors[name], factors[`${target}.B`]];
      const columns = a.length / rank;
      added[target] = weights[target].map((weight, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        let sum = 0;
        for (let k = 0; k < rank; k += 1) sum += b[row * rank + k] * a[k * columns + column];
        return weight + (alpha / rank) * sum;
      });
    }
    return added;
  }

  // --- the arithmetic -----------------------------------------------------------------------

  /** matrix · vector + bias; the matrix row by row. */
  function affine(matrix, vector, bias) {
    const columns = vector.length;
    return bias.map((sum, row) => {
      for (let i = 0, at = row * columns; i < columns; i += 1, at += 1) sum += matrix[at] * vector[i];
      return sum;
    });
  }

  /** One step of one layer, in PyTorch's convention: rows r, z, n; z keeps. */
  function gruStep(weights, layer, x, h) {
    const of = (name) => weights[`recurrent.${name}_l${layer}`];
    const input = affine(of("weight_ih"), x, of("bias_ih"));
    const past = affine(of("weight_hh"), h, of("bias_hh"));
    const size = h.length;
    const r = h.map((_, unit) => sigmoid(input[unit] + past[unit]));
    const z = h.map((_, unit) => sigmoid(input[size + unit] + past[size + unit]));
    const n = h.map((_, unit) => Math.tanh(input[2 * size + unit] + r[unit] * past[2 * size + unit]));
    return { r, z, h: h.map((old, unit) => (1 - z[unit]) * n[unit] + z[unit] * old) };
  }

  /** A network reads one code and gives the logits of the next, and its layers with their state. */
  function networkOf(sizes, weights) {
    const width = sizes.embedding_size;
    const rest = () =>
      Array.from({ length: sizes.num_layers }, () => ({ h: new Float32Array(sizes.hidden_size) }));
    function read(code, before) {
      let x = weights["embedding.weight"].subarray(code * width, (code + 1) * width);
      const layers = before.map(({ h }, layer) => {
        const made = gruStep(weights, layer, x, h);
        x = made.h;
        return made;
      });
      return { layers, logits: affine(weights["output.weight"], x, weights["output.bias"]) };
    }
    return { sizes, characters: [...sizes.characters], rest, read };
  }

  const largest = (values) => values.indexOf(Math.max(...values));

  /** softmax(logits / temperature); at 0 the likeliest character is certain. */
  function softmax(logits, temperature) {
    const best = largest(logits);
    if (temperature === 0) return Array.from(logits, (_, code) => Number(code === best));
    const exponentials = Array.from(logits, (a) => Math.exp((a - logits[best]) / temperature));
    const sum = exponentials.reduce((a, b) => a + b);
    return exponentials.map((one) => one / sum);
  }

  /** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, numbers in [0, 1). */
  function randomOf(seed) {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** A code, each with its probability; `random` is in [0, 1). */
  function draw(probabilities, random) {
    let left = random;
    for (const [code, one] of probabilities.entries()) {
      left -= one;
      if (left < 0) return code;
    }
    return largest(probabilities); // rounding may leave a trifle
  }

  /** Codes of a text, and what was read in place of characters that the model does not know. */
  function encode(text, characters) {
    const replaced = new Map();
    const known = [];
    for (const character of text.replace(/\r\n?/g, "\n")) {
      const read = characters.includes(character) ? character : (LIKES[character] ?? OTHER);
      if (read !== character) replaced.set(character, read);
      known.push(...read);
    }
    return { codes: known.map((character) => characters.indexOf(character)), replaced };
  }

  // --- loading --------------------------------------------------------------------------------

  const fileOf = (name) => `language-model-${name}.js`;

  /** Runs the script of some weights and gives what it says. */
  function fetchWeights(name, words) {
    const file = fileOf(name);
    return new Promise((resolve, reject) => {
      const script = make("script", { src: new URL(file, HERE).href });
      const fail = (text, values) => reject(new Error(fill(text, { file, ...values })));
      script.addEventListener("error", () => {
        script.remove();
        fail(words.missing);
      });
      script.addEventListener("load", () => {
        script.remove();
        const found = window.languageModelWeights[name];
        delete window.languageModelWeights[name]; // the text is not kept beside its numbers
        if (found.format === FORMAT) resolve(found);
        else fail(words.otherFormat, { found: found.format, expected: FORMAT });
      });
      document.head.append(script);
    });
  }

  /** Gives networks by the name of their weights, each loaded once, when first asked for. */
  function makeLoader(words) {
    const asked = {};
    const networks = {};
    const load = {
      async base() {
        const header = await fetchWeights("base", words);
        const weights = tensorsOf(header);
        networks.base = networkOf(header, weights);
        return { sha256: header.sha256, header: networks.base.sizes, weights };
      },
      async numpy() {
        const base = await ask("base");
        const header = await fetchWeights("numpy", words);
        if (header.base !== base.sha256) {
          throw new Error(fill(words.otherBase, { file: fileOf("numpy") }));
        }
        const weights = withUpdates(base.weights, header, tensorsOf(header));
        networks.numpy = networkOf(base.header, weights);
      },
    };
    function ask(name) {
      asked[name] ??= load[name]().catch((error) => {
        delete asked[name]; // may be tried again
        throw error;
      });
      return asked[name];
    }
    return { ask, networks };
  }

  // --- the page -----------------------------------------------------------------------------

  const words = wordsOf(WORDS);
  const button = (text) => make("button", { type: "button", class: "lm-button" }, text);
  const three = (number) => number.toFixed(3).replace("-", "−");
  const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
  const GLYPHS = { "\n": "⏎", " ": "␣" };
  const nameOf = (character) =>
    ({ "\n": words.newLine, " ": words.space })[character] ?? `“${character}”`;
  const meanOf = (values) => values.reduce((sum, one) => sum + Math.abs(one), 0) / values.length;

  function makeSlider(text, attributes) {
    const slider = make("input", { type: "range", "aria-label": text, ...attributes });
    const shown = make("span", { class: "lm-value" });
    const box = make("label", { class: "lm-slider" }, make("span", {}, text), slider, shown);
    return { box, slider, shown };
  }

  function makeRadios(name, legend, options, whenChosen) {
    const radios = options.map(([value, text], index) => {
      const radio = make("input", { type: "radio", name: `lm-${name}`, value });
      radio.checked = index === 0;
      radio.addEventListener("change", () => whenChosen(value));
      return make("label", { class: "lm-radio" }, radio, text);
    });
    return make("fieldset", { class: "lm-choice" }, make("legend", {}, legend), ...radios);
  }

  /** The bars of the likeliest characters, and one for all others. */
  function makeBars() {
    const rows = Array.from({ length: SHOWN + 1 }, () => {
      const name = make("span", { class: "lm-character" });
      const bar = make("rect", { height: 1, width: 0, class: "lm-bar" });
      const view = { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" };
      const shown = make("span", { class: "lm-value" });
      const box = make("li", {}, name, make("svg", { ...view, class: "lm-chart" }, bar), shown);
      return { box, name, bar, shown };
    });
    const boxes = rows.map(({ box }) => box);
    const box = make("ol", { class: "lm-bars", "aria-label": words.next }, ...boxes);
    function fillRow({ name, bar, shown }, text, share) {
      name.textContent = text;
      bar.setAttribute("width", share);
      shown.textContent = percent(share);
    }
    function show(likeliest) {
      let others = 1;
      likeliest.forEach(([character, share], rank) => {
        const word = { "\n": words.newLine, " ": words.space }[character];
        fillRow(rows[rank], word ? `${GLYPHS[character]} ${word}` : character, share);
        others -= share;
      });
      fillRow(rows[SHOWN], words.others, Math.max(0, others));
    }
    return { box, show };
  }

  /** Paints columns of numbers from -1 to 1: how far from 0 is how opaque, the sign the colour. */
  function paint(canvas, columns, transposed) {
    const style = getComputedStyle(canvas);
    const [plus, minus] = ["--lm-plus", "--lm-minus"].map((name) =>
      style.getPropertyValue(name).match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16)),
    );
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    columns.forEach((values, column) =>
      values.forEach((value, unit) => {
        const [x, y] = transposed ? [unit, column] : [column, unit];
        const colour = [...(value < 0 ? minus : plus), 255 * Math.abs(value)];
        image.data.set(colour, 4 * (y * canvas.width + x));
      }),
    );
    context.putImageData(image, 0, 0);
  }

  function start(place) {
    const { ask, networks } = makeLoader(words);
    const choice = { weights: "base", layer: 0, picture: "z", unit: 0 };
    let shown = null; // the name of the weights that compute
    let random = randomOf(FIRST.seed);
    let codes = []; // the end of the text, at most LONGEST
    let promptLength = 0; // how many of them are the prompt's
    let written = 0; // since the prompt, shown or not
    let wasCut = false;
    let now = null; // the network's layers and logits after the last character
    let past = []; // the same after the last characters, each with its character
    let running = 0; // the timer; 0 is rest
    let ends = 0; // the count of written characters at which writing pauses
    let speak = 0;
    let pending = 0;

    const network = () => networks[shown];
    const characterOf = (code) => network().characters[code];
    const textOf = (some) => some.map(characterOf).join("");

    // --- controls -----------------------------------------------------------------------------

    const prompt = make("textarea", { rows: 2, id: "lm-prompt", spellcheck: "false", autocomplete: "off" });
    prompt.value = FIRST.prompt;
    const promptBox = make("label", { class: "lm-prompt", for: "lm-prompt" }, words.prompt);
    const note = make("p", { class: "lm-note", "aria-live": "polite" });
    const temperature = makeSlider(words.temperature, { min: 0, max: 1.5, step: 0.05, value: FIRST.temperature });
    const seed = make("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1, value: FIRST.seed });
    const seedBox = make("label", { class: "lm-seed" }, words.seed, seed);
    const loadButton = button(fill(words.load, { kilobytes: KILOBYTES.base }));
    const [writeButton, stepButton, againButton] = [words.write, words.step, words.again].map(button);
    const weights = makeRadios(
      "weights",
      words.weights,
      [["base", words.base], ["numpy", fill(words.numpy, { kilobytes: KILOBYTES.numpy })]],
      (name) => {
        choice.weights = name;
        ready();
      },
    );

    const promptText = make("span", { class: "lm-given" });
    const writtenText = make("span", { class: "lm-written" });
    const text = make(
      "div",
      { class: "lm-text", tabindex: 0, role: "region", "aria-label": words.text },
      promptText,
      writtenText,
      make("span", { class: "lm-caret", "aria-hidden": "true" }),
    );
    const said = make("p", { class: "lm-said", "aria-live": "polite" });
    const heard = make("p", { class: "lm-heard", "aria-live": "polite" }); // who sees has read it

    // --- the network's inside -----------------------------------------------------------------

    const bars = makeBars();
    const layers = makeRadios("layer", words.layer, [["0", "1"], ["1", "2"]], (layer) => {
      choice.layer = Number(layer);
      show();
    });
    const pictures = makeRadios("picture", words.picture, Object.entries(words.gates), (name) => {
      choice.picture = name;
      show();
    });
    const unit = makeSlider(words.unit, { min: 1, max: 160, step: 1, value: 1 });
    const strips = Object.entries(words.gates).map(([name, title]) => {
      const canvas = make("canvas", { height: 1, class: "lm-strip" });
      const mark = make("i", { class: "lm-mark" });
      const bar = make("div", { class: "lm-strip-box" }, canvas, mark);
      const box = make("div", { class: "lm-strip-row" }, make("span", {}, title), bar);
      return { name, canvas, mark, box };
    });
    const stripTitle = make("p", { class: "lm-title" });
    const pictureTitle = make("p", { class: "lm-title" });
    const picture = make("canvas", { width: REMEMBERED, class: "lm-picture", "aria-hidden": "true" });
    const ticks = make("div", { class: "lm-ticks", "aria-hidden": "true" });
    const means = make("p", { class: "lm-means" });

    function showInside() {
      const layer = now.layers[choice.layer];
      const size = layer.h.length;
      const last = nameOf(past.at(-1).character);
      choice.unit = Math.min(Number(unit.slider.value), size) - 1;
      stripTitle.textContent = fill(words.units, { count: size, last });
      for (const { name, canvas, mark } of strips) {
        canvas.width = size;
        paint(canvas, [layer[name]], true);
        mark.style.left = `${(100 * (choice.unit + 0.5)) / size}%`;
      }
      const one = Object.fromEntries(["z", "r", "h"].map((name) => [name, three(layer[name][choice.unit])]));
      unit.slider.max = size;
      unit.shown.textContent = fill(words.unitSays, { unit: choice.unit + 1, ...one });
      unit.slider.setAttribute("aria-valuetext", unit.shown.textContent);

      const name = words.gates[choice.picture];
      pictureTitle.textContent = fill(words.history, { count: past.length, name });
      picture.height = size;
      paint(picture, past.map((one) => one.layers[choice.layer][choice.picture]), false);
      ticks.replaceChildren(
        ...past.map(({ character }) => make("span", {}, GLYPHS[character] ?? character)),
      );
      const mean = (some) => meanOf(some);
      const values = { last, z: three(mean(layer.z)), r: three(mean(layer.r)), h: three(mean(layer.h)) };
      const ofZ = past.map((one) => [mean(one.layers[choice.layer].z), nameOf(one.character)]);
      ofZ.sort((a, b) => a[0] - b[0]);
      const [low, high] = [ofZ[0], ofZ.at(-1)];
      const range = { count: past.length, low: three(low[0]), lowAt: low[1], high: three(high[0]), highAt: high[1] };
      const sentences = [fill(words.mean, values)];
      if (past.length > 1) sentences.push(fill(words.meanRange, range));
      means.textContent = sentences.join(" ");
    }

    // --- what is shown ------------------------------------------------------------------------

    const probabilities = () => softmax(now.logits, Number(temperature.slider.value));

    function likeliest() {
      const shares = probabilities().map((share, code) => [characterOf(code), share, now.logits[code]]);
      return shares.sort((a, b) => b[1] - a[1] || b[2] - a[2]).slice(0, SHOWN);
    }

    function show() {
      temperature.shown.textContent = Number(temperature.slider.value).toFixed(2);
      writeButton.textContent = running ? words.stop : words.write;
      if (!network()) {
        writtenText.textContent = fill(words.hint, { kilobytes: KILOBYTES.base });
        return;
      }
      promptText.textContent = (wasCut ? "…" : "") + textOf(codes.slice(0, promptLength));
      writtenText.textContent = textOf(codes.slice(promptLength));
      text.scrollTop = text.scrollHeight;
      bars.show(likeliest());
      showInside();
      if (!running) say();
    }

    /** Tells in a sentence what a picture shows, once nothing has moved for a moment. */
    function say() {
      clearTimeout(speak);
      speak = setTimeout(() => {
        const last = nameOf(past.at(-1).character);
        const list = likeliest()
          .slice(0, 3)
          .map(([character, share]) =>
            fill(words.saidItem, { character: nameOf(character), percent: percent(share) }),
          );
        const pause = written > 0 && written === ends ? fill(words.saidPause, { count: A_RUN }) : "";
        said.textContent = `${fill(words.saidNext, { last, list: list.join(", ") })} ${pause}`;
      }, QUIET_MS);
    }

    // --- reading and writing ------------------------------------------------------------------

    function read(code) {
      now = network().read(code, now.layers);
      past = [...past, { layers: now.layers, character: characterOf(code) }].slice(-REMEMBERED);
    }

    /** Reads the text that is kept, from a state of zeros. */
    function readAll() {
      now = { layers: network().rest() };
      past = [];
      read(START);
      codes.forEach(read);
    }

    /** Back to the prompt as it stands, with the seed as it stands. */
    function restart() {
      rest();
      random = randomOf(Number(seed.value));
      written = 0;
      if (!network()) return;
      const { codes: all, replaced } = encode(prompt.value, network().characters);
      codes = all.slice(-LONGEST);
      wasCut = codes.length < all.length;
      promptLength = codes.length;
      tell(all.length, replaced);
      readAll();
      show();
    }

    /** Says which characters of the prompt the model was given in another way. */
    function tell(count, replaced) {
      const listed = [...replaced].map(([character, to]) => {
        const code = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
        return fill(words.readAs, { character, code, read: to });
      });
      const sentences = [];
      if (listed.length) sentences.push(fill(words.unknown, { characters: listed.join(", ") }));
      if (wasCut) sentences.push(fill(words.cut, { count, kept: codes.length }));
      note.textContent = sentences.join(" ");
    }

    function write() {
      const shares = probabilities();
      const certain = Number(temperature.slider.value) === 0;
      const code = certain ? largest(shares) : draw(shares, random());
      codes.push(code);
      written += 1;
      if (codes.length > LONGEST) {
        codes.shift();
        promptLength = Math.max(0, promptLength - 1);
        wasCut = true;
      }
      read(code);
    }

    function rest() {
      clearTimeout(running);
      running = 0;
    }

    function goOn() {
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const count = Math.min(calm ? CALM.characters : 1, ends - written);
      for (let done = 0; done < count; done += 1) write();
      running = written < ends ? setTimeout(goOn, calm ? CALM.ms : WRITE_MS) : 0;
      show();
      if (!running) tellRun();
    }

    /** A screen reader hears what was written when writing has stopped. */
    function tellRun() {
      const count = Math.min(written - (ends - A_RUN), codes.length);
      heard.textContent = fill(words.saidText, { text: textOf(codes.slice(codes.length - count)) });
    }

    // --- what a reader does -------------------------------------------------------------------

    /** Loads the chosen weights if need be, and computes with them. Does it work? */
    async function ready() {
      const wanted = choice.weights;
      const hadFocus = document.activeElement === loadButton;
      if (!networks[wanted]) said.textContent = words.loading;
      try {
        await ask(wanted);
      } catch (error) {
        clearTimeout(speak);
        said.textContent = fill(words.failed, { why: error.message });
        return false;
      }
      if (wanted !== choice.weights) return ready(); // chosen anew in the meantime
      loadButton.hidden = true;
      if (hadFocus) writeButton.focus();
      const first = !network();
      if (shown !== wanted) {
        shown = wanted;
        if (first) restart();
        else {
          readAll();
          show();
        }
      }
      return true;
    }

    /** Takes up a prompt that was typed a moment ago. */
    function takePrompt() {
      if (!pending) return;
      clearTimeout(pending);
      pending = 0;
      restart();
    }

    loadButton.addEventListener("click", ready);
    prompt.addEventListener("input", async () => {
      rest();
      show();
      clearTimeout(pending);
      pending = setTimeout(takePrompt, QUIET_MS);
      if (!network()) await ready();
    });
    writeButton.addEventListener("click", async () => {
      if (running) {
        rest();
        show();
        tellRun();
      } else if (await ready()) {
        takePrompt();
        ends = written + A_RUN;
        goOn();
      }
    });
    stepButton.addEventListener("click", async () => {
      if (!(await ready())) return;
      takePrompt();
      rest();
      write();
      show();
    });
    againButton.addEventListener("click", async () => {
      takePrompt();
      if (await ready()) restart();
    });
    seed.addEventListener("change", () => {
      seed.value = Math.min(Math.max(Math.trunc(Number(seed.value)), 0), 2 ** 32 - 1);
      restart();
    });
    temperature.slider.addEventListener("input", show);
    unit.slider.addEventListener("input", () => network() && showInside());
    new MutationObserver(show).observe(document.documentElement, { attributeFilter: ["data-theme"] });

    place.setAttribute("role", "group");
    place.setAttribute("aria-label", words.figure);
    place.append(
      make("div", {}, promptBox, prompt, note),
      make("div", { class: "lm-controls" }, weights, temperature.box, seedBox),
      make("div", { class: "lm-buttons" }, loadButton, writeButton, stepButton, againButton),
      text,
      heard,
      said,
      make("p", { class: "lm-title" }, words.next),
      bars.box,
      make(
        "div",
        { class: "lm-inside", role: "group", "aria-label": words.inside },
        make("div", { class: "lm-controls" }, layers, pictures),
        stripTitle,
        ...strips.map(({ box }) => box),
        unit.box,
        pictureTitle,
        picture,
        ticks,
        make("p", { class: "lm-key" }, words.key),
        means,
      ),
    );
    show();

    // What a test or a reader's console may ask; `weights` are loaded before.
    window.languageModelDemo = {
      load: ask,
      /** Logits of the character after a prompt, from a state of zeros. */
      logits(text, name = "base") {
        if (!networks[name]) throw new Error(`load("${name}") comes first`);
        const { characters, rest: zeros, read: step } = networks[name];
        let after = step(START, zeros());
        for (const code of encode(text, characters).codes) after = step(code, after.layers);
        return [...after.logits];
      },
      text: () => ({ prompt: prompt.value, shown: textOf(codes), written }),
      probabilities: () => probabilities(),
      layers: () => now.layers.map(({ r, z, h }) => ({ r: [...r], z: [...z], h: [...h] })),
      running: () => running !== 0,
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("[data-language-model]");
    if (place) start(place);
  });
})();
