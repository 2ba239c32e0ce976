// The tables: rebuilt only when their rows change, sorted as the reader chose.

import { element, hidden, replaceKeepingFocus } from "./dom.js";
import { count, durationText, fragmentOf, moment, number, percent, share } from "./format.js";

// A column: {head, cell(row) → text or node, sort(row) → number or text, number: true, wide: true}
export class Table {
  #region;
  #columns;
  #empty;
  #key;
  #order;
  #rows = [];
  #shown = "";

  constructor(region, columns, { empty, key, order = null }) {
    this.#region = region;
    this.#columns = columns;
    this.#empty = empty;
    this.#key = key;
    this.#order = order;
  }

  show(rows, empty = this.#empty) {
    this.#rows = rows;
    const signature = JSON.stringify([rows, this.#order, empty]);
    if (signature === this.#shown) return;
    this.#shown = signature;
    if (rows.length) replaceKeepingFocus(this.#region, [this.#table()]);
    else this.#message(empty);
  }

  showReason(reason) {
    this.#shown = "";
    this.#message(reason);
  }

  #message(text) {
    this.#region.replaceChildren(element("p", { class: "sp-empty" }, text));
  }

  #table() {
    const head = this.#columns.map((column) => this.#head(column));
    return element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...this.#sorted().map((row) => this.#row(row))),
    );
  }

  #head(column) {
    const isOrder = this.#order?.column === column.head;
    const attributes = {
      scope: "col",
      class: column.number ? "sp-number" : "",
      "aria-sort": isOrder ? (this.#order.descending ? "descending" : "ascending") : null,
    };
    if (!column.sort) return element("th", attributes, column.head);
    const sign = isOrder ? (this.#order.descending ? " ▾" : " ▴") : "";
    const button = element(
      "button",
      { type: "button", "data-key": `sort-${column.head}` },
      column.head,
      element("span", { "aria-hidden": "true" }, sign),
    );
    button.addEventListener("click", () => this.#sortBy(column));
    return element("th", attributes, button);
  }

  #sortBy(column) {
    const isSame = this.#order?.column === column.head;
    this.#order = { column: column.head, descending: isSame ? !this.#order.descending : Boolean(column.number) };
    this.show(this.#rows);
  }

  #sorted() {
    const column = this.#columns.find(({ head }) => head === this.#order?.column);
    if (!column) return this.#rows;
    const sign = this.#order.descending ? -1 : 1;
    return [...this.#rows].sort((a, b) => sign * compare(column.sort(a), column.sort(b)));
  }

  #row(row) {
    const cells = this.#columns.map((column) => {
      const names = [column.number && "sp-number", column.wide && "sp-wide"].filter(Boolean).join(" ");
      return element("td", { class: names || null }, column.cell(row));
    });
    return element("tr", { "data-row": this.#key(row) }, ...cells);
  }
}

function compare(a, b) {
  if (typeof a === "string") return a.localeCompare(b);
  return (a ?? -Infinity) - (b ?? -Infinity);
}

const NO_REQUESTS_YET = "No requests in this window.";

const code = (text) => element("code", {}, text);

export function statusWord(status) {
  return element("span", { class: "sp-status", "data-class": `${String(status)[0]}xx` }, String(status));
}

const figure = (head, field, format) => ({
  head,
  number: true,
  cell: (row) => row.unavailable?.[field] ?? format(row[field]),
  sort: (row) => row[field],
});

export function routesTable(region) {
  const columns = [
    {
      head: "Route",
      wide: true,
      cell: (row) => element("a", { href: fragmentOf(row), "data-key": fragmentOf(row) }, code(row.route)),
      sort: (row) => row.route,
    },
    { head: "Method", cell: (row) => row.method, sort: (row) => row.method },
    figure("95th percentile", "p95_response_time", durationText),
    figure("Average", "avg_response_time", durationText),
    figure("Requests", "request_count", count),
    figure("Errors", "error_rate", percent),
    figure("Database", "db_share", share),
    figure("Cache", "cache_share", share),
    figure("Outgoing", "outgoing_share", share),
    figure("Queries", "queries_per_request", number),
  ];
  return new Table(region, columns, {
    empty: NO_REQUESTS_YET,
    key: (row) => `${row.method} ${row.route}`,
    order: { column: "95th percentile", descending: true },
  });
}

const SUBJECTS = { db: "Database", cache: "Cache", outgoing: "Outgoing HTTP", rest: "All else" };

// Rows: {subject, share, in_requests_ms, outside_requests_ms}
export function timeSpentTable(region) {
  const columns = [
    { head: "Spent on", cell: (row) => SUBJECTS[row.subject] },
    { head: "Of their time", number: true, cell: (row) => share(row.share) },
    { head: "In requests", number: true, cell: (row) => durationText(row.in_requests_ms) },
    { head: "Outside", number: true, cell: (row) => durationText(row.outside_requests_ms) },
  ];
  return new Table(region, columns, { empty: "Nothing in this window.", key: (row) => row.subject });
}

// Rows: {subject, share, why, of_each}: why there is no share; milliseconds of an average request.
export function routeSpentTable(region) {
  const columns = [
    { head: "Spent on", cell: (row) => SUBJECTS[row.subject] },
    { head: "Of its time", number: true, cell: (row) => row.why ?? share(row.share) },
    { head: "Of an average request", number: true, cell: (row) => durationText(row.of_each) },
  ];
  return new Table(region, columns, { empty: NO_REQUESTS_YET, key: (row) => row.subject });
}

// Rows: {status, requests, of}
export function statusCodesTable(region) {
  const columns = [
    { head: "Status", cell: (row) => statusWord(row.status) },
    { head: "Requests", number: true, cell: (row) => count(row.requests) },
    { head: "Share", number: true, cell: (row) => share(row.requests / row.of) },
  ];
  return new Table(region, columns, { empty: NO_REQUESTS_YET, key: (row) => row.status });
}

export function slowRequestsTable(region) {
  const columns = [
    { head: "Time", cell: (row) => moment(row.timestamp) },
    { head: "Took", number: true, cell: (row) => durationText(row.duration_ms) },
    { head: "Status", cell: (row) => statusWord(row.status) },
    { head: "Request", wide: true, cell: (row) => element("span", { title: `Route ${row.route}` }, `${row.method} `, code(row.path)) },
  ];
  return new Table(region, columns, { empty: "No request was slow.", key: (row) => `${row.timestamp} ${row.path}` });
}

export function slowQueriesTable(region) {
  const columns = [
    { head: "Time", cell: (row) => moment(row.timestamp) },
    { head: "Took", number: true, cell: (row) => durationText(row.duration_ms) },
    {
      head: "Query",
      wide: true,
      cell: (row) =>
        element(
          "div",
          { title: row.sql },
          element("div", { class: "sp-clamp" }, code(row.sql)),
          element("div", { class: "sp-note" }, hidden("in "), `${row.alias} · ${row.route ? `${row.method ?? ""} ${row.route}`.trim() : "no request"}`),
          row.caller ? element("div", { class: "sp-note" }, hidden("asked for by "), code(row.caller)) : "",
        ),
    },
  ];
  return new Table(region, columns, { empty: "No query was slow.", key: (row) => `${row.timestamp} ${row.fingerprint}` });
}

export function notificationsTable(region, markRead) {
  const columns = [
    { head: "Time", cell: (row) => moment(row.created_at) },
    { head: "Alert", cell: (row) => row.name },
    {
      head: "State",
      cell: (row) =>
        element("span", { class: "sp-firing", "data-firing": row.status === "firing" ? "yes" : "no" },
          `${row.status === "firing" ? "▲" : "✓"} ${row.status}, ${row.severity}`),
    },
    { head: "What", wide: true, cell: (row) => row.summary },
    {
      head: "Read",
      cell: (row) => {
        if (row.is_read) return "read";
        const button = element("button", { type: "button", class: "sp-button", "data-key": `read-${row.id}` },
          "Mark as read", hidden(`: ${row.name}`));
        button.addEventListener("click", () => markRead(row, button));
        return button;
      },
    },
  ];
  return new Table(region, columns, { empty: "No notifications.", key: (row) => row.id });
}
