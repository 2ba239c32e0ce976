// The thresholds form. A refresh never changes what somebody is typing.

import { element, setText } from "./dom.js";
import { limitOf } from "./limits.js";

export class ThresholdsForm {
  #form;
  #fields;
  #buttons;
  #result;
  #saved = {};
  #inputs = new Map();

  // `save` takes the changed thresholds; it returns all of them, or throws a RequestError.
  constructor(form, save) {
    this.#form = form;
    this.#fields = form.querySelector(".sp-fixed");
    this.#buttons = [...form.querySelectorAll("button")];
    this.#result = form.querySelector("[role=status]");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(save);
    });
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      this.#undo();
    });
    form.addEventListener("input", (event) => this.#edited(event.target));
  }

  show(thresholds) {
    const isSameForm = Object.keys(thresholds).join() === [...this.#inputs.keys()].join();
    if (!isSameForm) this.#build(Object.keys(thresholds));
    for (const [name, value] of Object.entries(thresholds)) {
      const { input } = this.#inputs.get(name);
      if (!isSameForm || input.value === text(this.#saved[name])) input.value = text(value);
    }
    this.#saved = thresholds;
    this.#update();
  }

  showReason(reason) {
    if (this.#inputs.size) return; // keep what was typed until it can be saved
    this.#fields.replaceChildren(element("p", { class: "sp-empty" }, reason));
  }

  #build(names) {
    this.#inputs.clear();
    const rows = names.map((name) => this.#row(name));
    this.#fields.replaceChildren(...rows);
  }

  #row(name) {
    const { label, unit } = limitOf(name);
    const id = `sp-threshold-${name}`;
    const input = element("input", {
      id,
      name,
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      placeholder: "off",
      "aria-describedby": `${id}-unit ${id}-error`,
    });
    const error = element("p", { class: "sp-error", id: `${id}-error` });
    this.#inputs.set(name, { input, error });
    return element(
      "div",
      { class: "sp-field" },
      element("label", { for: id }, label),
      element("span", { class: "sp-input" }, input, element("span", { class: "sp-note", id: `${id}-unit` }, unit)),
      error,
    );
  }

  #edited(input) {
    const found = this.#inputs.get(input.name);
    if (found) this.#error(found, "");
    setText(this.#result, "\u00a0");
    this.#update();
  }

  #changed() {
    return [...this.#inputs].filter(([name, { input }]) => input.value.trim() !== text(this.#saved[name]));
  }

  #update() {
    const isClean = this.#changed().length === 0;
    for (const button of this.#buttons) button.disabled = isClean;
  }

  #undo() {
    for (const [name, found] of this.#inputs) {
      found.input.value = text(this.#saved[name]);
      this.#error(found, "");
    }
    setText(this.#result, "\u00a0");
    this.#update();
  }

  async #submit(save) {
    const changed = this.#changed();
    if (!changed.length) return;
    for (const [, found] of this.#inputs.entries()) this.#error(found, "");
    setText(this.#result, "Saving.");
    try {
      const thresholds = await save(Object.fromEntries(changed.map(([name, { input }]) => [name, parsed(input.value)])));
      this.show(thresholds);
      setText(this.#result, "Saved.");
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error) {
    let first = null;
    const others = [];
    for (const [name, messages] of Object.entries(error.fields ?? {})) {
      const found = this.#inputs.get(name);
      if (found) this.#error(found, messages.join(" "));
      else others.push(`${name}: ${messages.join(" ")}`);
      first ??= found?.input;
    }
    const general = first ? "Nothing was changed." : error.message;
    setText(this.#result, [general, ...others].join(" "));
    first?.focus();
  }

  #error({ input, error }, message) {
    setText(error, message);
    error.title = message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

function text(value) {
  return value === null || value === undefined ? "" : String(value);
}

// Text that is not a number goes to the server unchanged: the server validates it and explains.
function parsed(typed) {
  const trimmed = typed.trim();
  if (trimmed === "") return null;
  const value = Number(trimmed.replace(",", "."));
  return Number.isFinite(value) ? value : trimmed;
}
