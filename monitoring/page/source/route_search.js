// The table of routes, and the search in it: what is searched is asked for, up to a number.

import { setText } from "./dom.js";
import { count, counted } from "./format.js";
import { routesTable } from "./tables.js";

const MOST_SEARCHED = 200;

export class RouteSearch {
  #table;
  #field;
  #note;
  #result;
  #answer = null;
  #isWide = false;

  // `widen()` asks for the routes that `wanted` names.
  constructor(card, widen) {
    this.#table = routesTable(card.querySelector(".sp-scroll"));
    this.#field = card.querySelector("input");
    this.#note = card.querySelector("h2 small");
    this.#result = card.querySelector("[role=status]");
    this.#field.addEventListener("input", () => {
      this.#show();
      if (this.#words().length && !this.#isWide) widen();
      this.#isWide = this.#words().length > 0;
    });
  }

  // Parameters of the summary: as many routes as there are to search.
  get wanted() {
    return this.#words().length ? { endpoints: MOST_SEARCHED } : {};
  }

  show(answer) {
    this.#answer = answer;
    this.#show();
  }

  showReason(reason) {
    this.#answer = null;
    this.#table.showReason(reason);
    setText(this.#result, "");
  }

  #words() {
    return this.#field.value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  #show() {
    if (!this.#answer) return;
    const { endpoints, endpoint_count: all } = this.#answer;
    const words = this.#words();
    const found = endpoints.filter(({ method, route }) => {
      const name = `${method} ${route}`.toLowerCase();
      return words.every((word) => name.includes(word));
    });
    this.#table.show(found, words.length && endpoints.length ? "No route has this in its name." : undefined);
    const left = all - endpoints.length;
    setText(this.#note, left > 0 ? `of the ${count(endpoints.length)} with the most time in total, of ${count(all)}` : `all ${count(all)}`);
    const unsearched = left > 0 ? ` ${counted(left, "route")} with less time in total not searched.` : "";
    setText(this.#result, words.length ? `${count(found.length)} of ${count(endpoints.length)} found.${unsearched}` : "");
  }
}
