// The view of one route: the fragment of the page's address names it, so that it can be linked and
// the browser goes back from it. It shows and hides the parts of the page that belong to one view.

import { byId, setText } from "./dom.js";
import { fragmentOf, isNumber } from "./format.js";
import { routeSpentTable, statusCodesTable } from "./tables.js";

const SITE_TITLE = document.title;
const REST = "rest";
const SHARES = { db: "db_share", cache: "cache_share", outgoing: "outgoing_share" };

// What the fragment names: {method, route}, or null for the whole site.
function named(fragment) {
  const given = new URLSearchParams(fragment.slice(1));
  const [method, route] = [given.get("method"), given.get("route")];
  return method && route ? { method, route } : null;
}

export class RouteView {
  #page;
  #heading = byId("sp-route-title");
  #codes = statusCodesTable(byId("sp-codes"));
  #spent = routeSpentTable(byId("sp-route-spent"));
  #chosen = named(location.hash);

  // `changed()` is called after the reader has gone to another view.
  constructor(page, changed) {
    this.#page = page;
    addEventListener("hashchange", () => this.#go(changed));
    this.#arrange();
  }

  get chosen() {
    return this.#chosen;
  }

  // Shows an entry of the summary's endpoints; undefined without a request.
  show(endpoint) {
    const codes = Object.entries(endpoint?.status_codes ?? {});
    this.#codes.show(codes.map(([status, requests]) => ({ status, requests, of: endpoint.request_count })));
    this.#spent.show(endpoint ? spentRows(endpoint) : []);
  }

  showReason(reason) {
    this.#codes.showReason(reason);
    this.#spent.showReason(reason);
  }

  #go(changed) {
    const next = named(location.hash);
    // A link to a place on the page, such as "Skip to main content", leaves the view as it is.
    if (!next && location.hash) return;
    if (next?.method === this.#chosen?.method && next?.route === this.#chosen?.route) return;
    const left = this.#chosen;
    this.#chosen = next;
    this.#arrange();
    changed();
    this.#focus(left);
  }

  #arrange() {
    const view = this.#chosen ? "route" : "site";
    for (const part of this.#page.querySelectorAll("[data-view]")) part.hidden = part.dataset.view !== view;
    const name = this.#chosen ? `${this.#chosen.method} ${this.#chosen.route}` : "";
    setText(this.#heading, name);
    document.title = name ? `${name} | ${SITE_TITLE}` : SITE_TITLE;
  }

  // To what is new; on the way back, to where the reader was.
  #focus(left) {
    if (this.#chosen) this.#heading.focus();
    else (this.#page.querySelector(`a[href="${CSS.escape(fragmentOf(left))}"]`) ?? byId("sp-search")).focus();
  }
}

// A part that is not measured is in the rest.
function spentRows(endpoint) {
  const parts = Object.entries(SHARES).map(([subject, field]) => ({
    subject,
    share: endpoint[field],
    why: endpoint.unavailable[field],
  }));
  const known = parts.map(({ share }) => share).filter(isNumber);
  const rest = known.length ? Math.max(1 - known.reduce((sum, share) => sum + share, 0), 0) : null;
  const average = endpoint.avg_response_time;
  return [...parts, { subject: REST, share: rest }].map((row) => ({
    ...row,
    of_each: isNumber(row.share) && isNumber(average) ? row.share * average : null,
  }));
}
