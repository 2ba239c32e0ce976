// The health checks: a sign, a word and a message for each, never a colour alone.

import { element, replaceKeepingFocus } from "./dom.js";
import { durationText, isNumber } from "./format.js";

const CHECK_SIGNS = { healthy: "✓", degraded: "!", unhealthy: "✕", disabled: "–" };

export class Health {
  #list;
  #shown = "";

  constructor(list) {
    this.#list = list;
  }

  show(report) {
    if (!report?.checks) {
      this.showReason("Not available: another endpoint of the site answers at its URL.");
      return;
    }
    const checks = Object.entries(report.checks);
    const signature = JSON.stringify(checks.map(([name, { status, message }]) => [name, status, message]));
    if (signature === this.#shown) {
      checks.forEach(([, check], place) => this.#time(this.#list.children[place], check));
      return;
    }
    this.#shown = signature;
    replaceKeepingFocus(this.#list, checks.map(([name, check]) => this.#item(name, check)));
  }

  showReason(reason) {
    this.#shown = "";
    this.#list.replaceChildren(element("li", { class: "sp-note" }, reason));
  }

  #item(name, check) {
    const item = element(
      "li",
      { "data-check": name, "data-status": check.status },
      element("span", { class: "sp-sign", "aria-hidden": "true" }, CHECK_SIGNS[check.status] ?? "?"),
      element("strong", {}, name.charAt(0).toUpperCase() + name.slice(1)),
      element("span", { class: "sp-word" }, check.status),
      element("span", { class: "sp-note", title: check.message }, check.message),
      element("span", { class: "sp-note sp-took" }),
    );
    this.#time(item, check);
    return item;
  }

  #time(item, check) {
    const took = item.querySelector(".sp-took");
    took.textContent = isNumber(check.duration_ms) ? durationText(check.duration_ms) : "";
  }
}
