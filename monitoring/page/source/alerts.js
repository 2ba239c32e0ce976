// A line for each threshold: the window's figure, and whether it is above the limit.

import { element } from "./dom.js";
import { isNumber, MISSING } from "./format.js";
import { isAbove, limitOf } from "./limits.js";

const LIMIT_SIGNS = { above: "▲", below: "✓", off: "–", unknown: "?" };

export class AlertLines {
  #region;
  #shown = "";

  constructor(region) {
    this.#region = region;
  }

  show(thresholds, summary) {
    const lines = Object.entries(thresholds).map(([name, limit]) => line(name, limit, summary));
    const signature = JSON.stringify(lines);
    if (signature === this.#shown) return;
    this.#shown = signature;
    this.#region.replaceChildren(element("ul", { class: "sp-lines" }, ...lines.map(item)));
  }

  showReason(reason) {
    this.#shown = "";
    this.#region.replaceChildren(element("p", { class: "sp-empty" }, reason));
  }
}

function line(name, limit, summary) {
  const { label, field, format, limit: formatLimit } = limitOf(name);
  const value = summary[field];
  const figure = isNumber(value) ? format(value) : MISSING;
  if (limit === null) return { name, label, figure, state: "off", text: "off" };
  if (!isNumber(value)) {
    return { name, label, figure, state: "unknown", text: "no figure" };
  }
  const above = isAbove(value, limit);
  return { name, label, figure, state: above ? "above" : "below", text: `${above ? "above" : "within"} ${formatLimit(limit)}` };
}

function item({ name, label, figure, state, text }) {
  return element(
    "li",
    { "data-threshold": name, "data-state": state },
    element("span", { class: "sp-sign", "aria-hidden": "true" }, LIMIT_SIGNS[state]),
    element("span", { class: "sp-line-label" }, label),
    element("span", { class: "sp-line-figure" }, figure),
    element("span", { class: "sp-word" }, text),
  );
}
