// What the live figures of the book share: building elements, filling in words, the sigmoid.

window.figureTools = (() => {
  "use strict";

  const DRAWN = ["svg", "rect", "path", "line", "polyline"];

  const sigmoid = (a) => 0.5 * (1 + Math.tanh(0.5 * a)); // no overflow, as in gru_lib

  /** The words of the page's language, of a dictionary of languages. */
  const wordsOf = (dictionary) => dictionary[document.documentElement.lang] || dictionary.en;

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function make(tag, attributes = {}, ...children) {
    const element = DRAWN.includes(tag)
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  return { sigmoid, wordsOf, fill, make };
})();
