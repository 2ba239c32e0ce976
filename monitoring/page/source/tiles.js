// The tiles at the top. A tile keeps its size; where its figure is missing, it says why.

import { element, setText } from "./dom.js";
import { count, counted, duration, isNumber, MISSING, number } from "./format.js";
import { isAbove, limitOf } from "./limits.js";

const NO_REQUESTS = "no requests in this window";

const times = (label, field, note, limits = []) => ({
  field,
  label,
  limits,
  show: (summary) => ({ ...duration(summary[field]), note, raw: summary[field] }),
  why: noRequests,
});

const REQUESTS = {
  field: "requests_per_second",
  label: "Requests",
  show: (summary) => ({
    value: number(summary.requests_per_second),
    unit: "/s",
    note: `${count(summary.request_count)} in the window`,
    raw: summary.requests_per_second,
  }),
  why: () => "no data yet",
};

const PERCENTILES = [
  times("Median", "median_response_time", "half of all responses"),
  times("95th percentile", "p95_response_time", "19 of 20 responses", ["p95_response_time"]),
  times("99th percentile", "p99_response_time", "99 of 100 responses"),
];

export const SITE_TILES = [
  REQUESTS,
  {
    field: "error_rate",
    label: "Error rate",
    limits: ["error_rate", "server_error_rate"],
    show: (summary) => ({
      value: number(summary.error_rate),
      unit: "%",
      note: `${counted(summary.error_count, "error")}, ${count(summary.server_error_count)} of them 5xx`,
      raw: summary.error_rate,
    }),
    why: noRequests,
  },
  {
    field: "in_progress",
    label: "In progress",
    show: (summary) => ({
      value: count(summary.in_progress),
      unit: "",
      note: "requests being answered",
      raw: summary.in_progress,
    }),
    why: () => "the source does not know",
  },
  {
    field: "workers",
    label: "Workers busy",
    show: ({ workers }) => ({
      value: count(workers.busy),
      unit: isNumber(workers.alive) && isNumber(workers.busy) ? `of ${count(workers.alive)}` : "",
      note: isNumber(workers.configured) ? `${count(workers.configured)} configured` : "alive",
      raw: workers.busy,
      over: isNumber(workers.configured) && workers.alive < workers.configured ? "some missing" : "",
    }),
    why: (summary) =>
      summary.source === "prometheus" ? "Prometheus scrapes no exporter" : "the source does not know",
  },
  ...PERCENTILES,
  {
    field: "active_sessions",
    label: "Active sessions",
    limits: ["active_sessions"],
    show: (summary) => ({
      value: count(summary.active_sessions),
      unit: "",
      note: "in the last 30 minutes",
      raw: summary.active_sessions,
    }),
    why: () => "the source does not know",
  },
];

function overLimit({ field, limits = [] }, summary, thresholds) {
  const name = limits.find((limit) => isAbove(summary[limitOf(limit).field], thresholds[limit] ?? null));
  if (!name) return "";
  const known = limitOf(name);
  const what = known.field === field ? "" : `${known.label.toLowerCase()} `;
  return `${what}above ${known.limit(thresholds[name])}`;
}

function noRequests(summary) {
  return summary.request_count === 0 ? NO_REQUESTS : "not observed";
}

// Of an endpoint, with `requests_per_second`. No threshold is of a single route.
export const ROUTE_TILES = [
  REQUESTS,
  {
    field: "error_rate",
    label: "Error rate",
    show: (endpoint) => ({
      value: number(endpoint.error_rate),
      unit: "%",
      note: "status 400 and above",
      raw: endpoint.error_rate,
    }),
    why: noRequests,
  },
  ...PERCENTILES.map((tile) => ({ ...tile, limits: [] })),
  times("Average", "avg_response_time", "of all responses"),
  times("Longest", "max_response_time", "of all responses"),
  {
    field: "queries_per_request",
    label: "Queries",
    show: (endpoint) => ({
      value: number(endpoint.queries_per_request),
      unit: "",
      note: "for each request",
      raw: endpoint.queries_per_request,
    }),
    why: noRequests,
  },
];

export class Tiles {
  #parts = new Map();

  constructor(list, tiles) {
    list.replaceChildren();
    for (const tile of tiles) {
      const value = element("span", { class: "sp-value" }, MISSING);
      const unit = element("span", { class: "sp-unit" });
      const note = element("span", { class: "sp-note" }, "\u00a0");
      const over = element("span", { class: "sp-over" });
      const box = element(
        "div",
        { class: "sp-tile", "data-figure": tile.field },
        element("dt", {}, tile.label, over),
        element("dd", {}, element("span", { class: "sp-figure" }, value, unit), note),
      );
      list.append(box);
      this.#parts.set(tile, { box, over, value, unit, note });
    }
  }

  // A tile whose figure is above one of its limits is marked, in words too.
  show(summary, thresholds) {
    for (const [tile, parts] of this.#parts) {
      const shown = tile.show(summary);
      const missing = !isNumber(shown.raw);
      const reason = () => summary.unavailable?.[tile.field] ?? tile.why(summary);
      this.#write(parts, {
        value: missing ? MISSING : shown.value,
        unit: missing ? "" : shown.unit,
        note: missing ? reason() : shown.note,
        raw: missing ? "" : String(shown.raw),
        over: missing ? "" : (shown.over ?? overLimit(tile, summary, thresholds ?? {})),
        missing,
      });
    }
  }

  // Shows one reason for all figures.
  showReason(reason) {
    for (const parts of this.#parts.values()) {
      this.#write(parts, { value: MISSING, unit: "", note: reason, raw: "", over: "", missing: true });
    }
  }

  #write({ box, over, value, unit, note }, shown) {
    box.dataset.value = shown.raw;
    box.dataset.mark = shown.missing ? "missing" : shown.over ? "bad" : "";
    setText(over, shown.over ? ` ▲ ${shown.over}` : "");
    setText(value, shown.value);
    setText(unit, shown.unit);
    setText(note, shown.note);
    note.title = shown.note;
  }
}
