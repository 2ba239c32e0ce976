// Generated from monitoring/page/source/ by `make page`.

// dom.js
// Builds elements without HTML strings: what the server sends can only become text.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

// Changes a node only if its text is new: nothing flickers or is read out twice.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Replaces the children, and gives the focus back to the child with the same data-key.
function replaceKeepingFocus(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...children);
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// Text for screen readers only.
function hidden(text) {
  return element("span", { class: "visually-hidden" }, text);
}

// format.js
// Formats figures for people. Null becomes a dash; the page shows the reason beside it.

const language = document.documentElement.lang || "en";
const cached = new Map();

const MISSING = "–";

function formatter(digits) {
  if (!cached.has(digits)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    cached.set(digits, new Intl.NumberFormat(language, options));
  }
  return cached.get(digits);
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

// Three significant digits, and every digit of the whole part.
function number(value) {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  return formatter(value === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2).format(value);
}

// The same without trailing zeros, for axes.
function short(value) {
  return number(value).replace(/([.,]\d*?)0+$/, "$1").replace(/[.,]$/, "");
}

function count(value) {
  return isNumber(value) ? formatter(0).format(value) : MISSING;
}

// Milliseconds with their unit apart, so that the unit can be set smaller.
function duration(milliseconds) {
  if (!isNumber(milliseconds)) return { value: MISSING, unit: "" };
  if (milliseconds < 999.5) return { value: number(milliseconds), unit: "ms" };
  return { value: number(milliseconds / 1000), unit: "s" };
}

function durationText(milliseconds) {
  const { value, unit } = duration(milliseconds);
  return unit ? `${value} ${unit}` : value;
}

function shortDuration(milliseconds) {
  return milliseconds < 999.5 ? `${short(milliseconds)} ms` : `${short(milliseconds / 1000)} s`;
}

// "1 request", "2 requests".
function counted(value, word) {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

function percent(value) {
  return isNumber(value) ? `${number(value)} %` : MISSING;
}

// A part of 1 as percent.
function share(value) {
  return isNumber(value) ? percent(100 * value) : MISSING;
}

// "no such route" → "No such route."
function sentence(reason) {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
}

// The address on this page of the view of one route.
function fragmentOf({ method, route }) {
  return `#${new URLSearchParams({ method, route })}`;
}

function clock(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleTimeString(language, { hour12: false });
}

// The time of day; with its date if it is more than a day ago.
function moment(unixSeconds) {
  const then = new Date(unixSeconds * 1000);
  if (Date.now() - then.getTime() < 86_400_000) return clock(unixSeconds);
  return then.toLocaleString(language, { dateStyle: "short", timeStyle: "short", hour12: false });
}

// 300 → "5 min".
function span(seconds) {
  if (!isNumber(seconds)) return MISSING;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  return `${short(Math.round(seconds / 360) / 10)} h`;
}

// limits.js
// Each threshold's label, summary field, unit and number format.

const shortPercent = (value) => `${short(value)} %`;

const KNOWN = {
  error_rate: { label: "Error rate", field: "error_rate", unit: "%", format: percent, limit: shortPercent },
  server_error_rate: { label: "Server error rate", field: "server_error_rate", unit: "%", format: percent, limit: shortPercent },
  avg_response_time: { label: "Average response time", field: "avg_response_time", unit: "ms", format: durationText, limit: shortDuration },
  p95_response_time: { label: "95th percentile", field: "p95_response_time", unit: "ms", format: durationText, limit: shortDuration },
  slow_request_count: { label: "Slow requests", field: "slow_requests_count", unit: "requests", format: count, limit: count },
  active_sessions: { label: "Active sessions", field: "active_sessions", unit: "sessions", format: count, limit: count },
};

// A threshold that this page does not know is shown by its name.
function limitOf(name) {
  return KNOWN[name] ?? { label: name.replaceAll("_", " "), field: name, unit: "", format: number, limit: number };
}

function isAbove(value, limit) {
  return value !== null && value !== undefined && limit !== null && value > limit;
}

// alerts.js
// A line for each threshold: the window's figure, and whether it is above the limit.

const LIMIT_SIGNS = { above: "▲", below: "✓", off: "–", unknown: "?" };

class AlertLines {
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

// fetching.js
// Sends requests to our own endpoints, with a time limit and a kind for each error.

const TIMEOUT_MS = 10_000;
const GATEWAY_ERRORS = new Set([502, 504]);

// kind: "gone" (no answer at all), "signed-out", "absent", "unavailable", "invalid", "aborted" or
// "error"; message is for people; fields maps each invalid form field to its messages.
class RequestError extends Error {
  constructor(kind, message, fields = {}) {
    super(message);
    this.kind = kind;
    this.fields = fields;
  }
}

function getJson(url, signal) {
  return request(url, { method: "GET" }, signal);
}

function sendJson(method, url, body, csrf, signal) {
  const headers = { "Content-Type": "application/json", [csrf.header]: csrf.token };
  return request(url, { method, headers, body: JSON.stringify(body) }, signal);
}

async function request(url, options, signal) {
  if (!url) throw new RequestError("absent", "Not available: its endpoint is not mounted.");
  const { response, text } = await exchange(url, options, signal);
  if (response.type === "opaqueredirect" || response.status === 401) {
    throw new RequestError("signed-out", "You are signed out.");
  }
  if (GATEWAY_ERRORS.has(response.status)) {
    throw new RequestError("gone", `The server does not answer (${response.status}).`);
  }
  const answer = parsedJson(text);
  // An unhealthy report has status 503, and is still an answer.
  if (response.ok || (response.status === 503 && answer?.checks)) {
    if (answer === undefined) throw new RequestError("error", "The answer is not JSON.");
    return answer;
  }
  throw refusal(response.status, answer?.error);
}

async function exchange(url, options, signal) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const either = signal ? AbortSignal.any([signal, limit]) : limit;
  try {
    const response = await fetch(url, {
      ...options,
      signal: either,
      redirect: "manual",
      cache: "no-store",
      credentials: "same-origin",
      headers: { Accept: "application/json", ...options.headers },
    });
    return { response, text: await response.text() };
  } catch {
    if (signal?.aborted) throw new RequestError("aborted", "Stopped.");
    const reason = limit.aborted ? "in time" : "";
    throw new RequestError("gone", `The server does not answer ${reason}`.trim() + ".");
  }
}

function parsedJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(status, error) {
  const message = error?.message ?? `The server answered with status ${status}.`;
  if (status === 403) return new RequestError("signed-out", message);
  if (status === 404) return new RequestError("absent", "Not available: there is no such endpoint.");
  if (status === 400) return new RequestError("invalid", message, error?.fields ?? {});
  if (status === 503) return new RequestError("unavailable", message);
  return new RequestError("error", message);
}

// health.js
// The health checks: a sign, a word and a message for each, never a colour alone.

const CHECK_SIGNS = { healthy: "✓", degraded: "!", unhealthy: "✕", disabled: "–" };

class Health {
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

// chart_frame.js
// The frame of every chart: uPlot in the admin's colours, a legend with the values at the cursor, a
// description in words, and a table.

const HEIGHT = 200;
const AXIS_FONT = "11px system-ui, sans-serif";

function colour(name) {
  const page = document.getElementById("status-page");
  return getComputedStyle(page).getPropertyValue(`--sp-${name}`).trim();
}

function axis(extra) {
  return {
    stroke: () => colour("axis"),
    font: AXIS_FONT,
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { show: false },
    ...extra,
  };
}

class ChartFrame {
  #plot;
  #series;
  #items = [];
  #chart = null;
  #data = [[]];
  #table;
  #toTable = null;
  #options;

  // `series`: {label, colour, style, uplot, show(index or null)}; `options` are uPlot's, without size and series.
  constructor(section, series, options) {
    this.#plot = section.querySelector(".sp-plot");
    this.#series = series;
    this.#table = section.querySelector(".sp-data");
    this.#legend(section.querySelector(".sp-legend"));
    if (options.isStacked) section.querySelector(".sp-legend").classList.add("sp-reversed");
    this.#options = options;
    new ResizeObserver(() => this.#resize()).observe(this.#plot);
    this.#table.addEventListener("toggle", () => this.#renderTable());
    watchTheme(() => this.#chart?.redraw(false));
  }

  // `data` is uPlot's; `words` describe it; `toTable()` returns {head, rows}.
  show(data, words, toTable) {
    this.#data = data;
    this.#toTable = toTable;
    if (this.#chart) this.#chart.setData(data);
    else this.#build();
    this.#plot.setAttribute("aria-label", words);
    this.#plot.dataset.reason = data[0].length ? "" : words;
    this.#values(this.#chart.cursor.idx);
    this.#renderTable();
  }

  showReason(reason) {
    this.show([[], ...this.#series.map(() => [])], reason, null);
  }

  #build() {
    const { axes, cursor, scales } = this.#options;
    this.#chart = new uPlot(
      {
        width: this.#plot.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        padding: [10, 12, 0, 0],
        cursor: { drag: { x: false, y: false }, y: false, points: { show: false }, ...cursor },
        axes: [axis(axes[0]), axis(axes[1])],
        hooks: {
          setCursor: [(chart) => this.#values(chart.cursor.idx)],
          draw: this.#options.draw ? [this.#options.draw] : [],
        },
        scales,
        series: [{}, ...this.#series.map((entry) => entry.uplot)],
      },
      this.#data,
      this.#plot,
    );
  }

  #resize() {
    if (this.#chart && this.#plot.clientWidth > 0) {
      this.#chart.setSize({ width: this.#plot.clientWidth, height: HEIGHT });
    }
  }

  #legend(list) {
    for (const entry of this.#series) {
      const value = element("span", { class: "sp-legend-value" });
      const swatch = element("span", { class: `sp-swatch sp-${entry.style}`, "data-colour": entry.colour, "aria-hidden": "true" });
      list.append(element("li", {}, swatch, entry.label, " ", value));
      this.#items.push(value);
    }
  }

  // The values at the cursor; without a cursor (null), those that the chart shows by default.
  #values(index) {
    const isEmpty = this.#data[0].length === 0;
    this.#series.forEach((entry, place) => {
      setText(this.#items[place], isEmpty ? "" : entry.show(index ?? null));
    });
  }

  #renderTable() {
    const region = this.#table.querySelector(".sp-scroll");
    if (!this.#table.open || !this.#toTable) {
      region.replaceChildren();
      return;
    }
    const { head, rows } = this.#toTable();
    region.replaceChildren(
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
        element(
          "tbody",
          {},
          ...rows.map((cells) => element("tr", {}, ...cells.map((text) => element("td", {}, text)))),
        ),
      ),
    );
  }
}

function timeOfDay(unixSeconds) {
  const text = clock(unixSeconds);
  return text.endsWith(":00") ? text.slice(0, -3) : text;
}

function timeAxes(formatValue) {
  return [
    { space: 70, size: 26, gap: 4, values: (_, splits) => splits.map(timeOfDay) },
    { size: 56, gap: 6, values: (_, splits) => splits.map(formatValue) },
  ];
}

// A dashed line with its name; above the chart's range, only the name and an arrow at the top edge.
function drawLimit(chart, value, text) {
  if (value === null || value === undefined || !chart.data[0].length) return;
  const { ctx, bbox } = chart;
  const { devicePixelRatio: ratio } = window;
  const isInside = value <= chart.scales.y.max;
  const y = isInside ? Math.round(chart.valToPos(value, "y", true)) : bbox.top;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("limit");
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash([6 * ratio, 4 * ratio]);
  if (isInside) {
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  const isNearTop = y < bbox.top + 16 * ratio;
  ctx.textBaseline = isNearTop ? "top" : "bottom";
  const shown = isInside ? text : `${text} ↑`;
  ctx.fillText(shown, bbox.left + bbox.width - 4 * ratio, y + (isNearTop ? 3 : -3) * ratio);
  ctx.restore();
}

function watchTheme(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  new MutationObserver(changed).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

// histogram.js
// The histogram: how many responses took how long, over the whole window.

class Histogram {
  #frame;
  #bars = [];
  #total = 0;

  constructor(page) {
    this.#frame = new ChartFrame(
      page.querySelector("#sp-histogram"),
      [
        {
          label: "",
          colour: "bar",
          style: "block",
          show: (index) =>
            index === null ? `${counted(this.#total, "request")} in the window` : this.#inWords(this.#bars[index]),
          uplot: {
            stroke: () => colour("bar"),
            fill: () => colour("bar"),
            width: 0,
            paths: uPlot.paths.bars({ size: [0.86, 64], align: 0 }),
            points: { show: false },
          },
        },
      ],
      {
        scales: {
          x: { time: false, range: () => [-0.6, Math.max(this.#bars.length, 4) - 0.4] },
          y: { range: (_, low, high) => [0, Math.max(high || 0, 4) * 1.1] },
        },
        axes: [
          {
            size: 26,
            gap: 4,
            grid: { show: false },
            splits: () => this.#bars.map((_, place) => place),
            values: (chart, splits) => this.#labels(chart, splits),
          },
          { size: 56, gap: 6, values: (_, splits) => splits.map((value) => (value % 1 ? "" : count(value))) },
        ],
      },
    );
  }

  show(series) {
    this.#bars = series.histogram;
    this.#total = this.#bars.reduce((sum, bar) => sum + bar.count, 0);
    if (!this.#bars.length) {
      this.#frame.showReason("No requests in this window.");
      return;
    }
    const most = this.#bars.reduce((best, bar) => (bar.count > best.count ? bar : best));
    this.#frame.show(
      [this.#bars.map((_, place) => place), this.#bars.map((bar) => bar.count)],
      `Distribution of response times of ${count(this.#total)} requests. Most frequent: ${this.#inWords(most)}.`,
      () => ({
        head: ["Response time", "Requests", "Share"],
        rows: this.#bars.map((bar) => [between(bar), count(bar.count), this.#share(bar)]),
      }),
    );
  }

  showReason(reason) {
    this.#bars = [];
    this.#frame.showReason(reason);
  }

  #share(bar) {
    return percent((100 * bar.count) / this.#total);
  }

  #inWords(bar) {
    return bar ? `${between(bar)}: ${counted(bar.count, "request")}, ${this.#share(bar)}` : "";
  }

  // As many labels as there is room for.
  #labels(chart, splits) {
    const room = Math.max(1, Math.floor(chart.bbox.width / devicePixelRatio / 64));
    const step = Math.ceil(splits.length / room);
    return splits.map((place) => (place % step === 0 ? shortly(this.#bars[place]) : ""));
  }
}

function between({ from_ms: low, to_ms: high }) {
  return high === null ? `over ${durationText(low)}` : `${durationText(low)} to ${durationText(high)}`;
}

// The middle of a bucket, for an axis.
function shortly({ from_ms: low, to_ms: high }) {
  if (high === null) return `>${shortDuration(low)}`;
  const middle = low > 0 ? Math.sqrt(low * high) : high;
  return shortDuration(Number(middle.toPrecision(2)));
}

// polling.js
// Runs a round every few seconds, one at a time, and never while the page is hidden.

class Poller {
  #round;
  #every;
  #timer = 0;
  #running = null;
  #paused = false;
  #stopped = false;

  // `round` takes an AbortSignal. It handles its errors: polling ends if it throws.
  constructor(round, everyMilliseconds) {
    this.#round = round;
    this.#every = everyMilliseconds;
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
  }

  get paused() {
    return this.#paused;
  }

  start() {
    this.now();
  }

  pause() {
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  resume() {
    this.#paused = false;
    this.now();
  }

  // For good: the user is signed out.
  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  // Starts a round at once; aborts one under way, because the choices on the page may have changed.
  async now() {
    clearTimeout(this.#timer);
    this.#running?.controller.abort();
    await this.#running?.done;
    if (this.#running || this.#stopped || document.hidden) return;
    const controller = new AbortController();
    const began = performance.now();
    const done = this.#round(controller.signal);
    this.#running = { controller, done };
    await done;
    this.#running = null;
    if (!controller.signal.aborted) this.#schedule(began);
  }

  #schedule(began) {
    if (this.#paused || this.#stopped || document.hidden) return;
    const left = this.#every - (performance.now() - began);
    // A slow server gets a pause between rounds.
    this.#timer = setTimeout(() => this.now(), Math.max(left, this.#every / 5));
  }

  #visibilityChanged() {
    if (document.hidden) {
      clearTimeout(this.#timer);
      this.#running?.controller.abort();
    } else if (!this.#paused) {
      this.now();
    }
  }
}

// tables.js
// The tables: rebuilt only when their rows change, sorted as the reader chose.

// A column: {head, cell(row) → text or node, sort(row) → number or text, number: true, wide: true}
class Table {
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

function statusWord(status) {
  return element("span", { class: "sp-status", "data-class": `${String(status)[0]}xx` }, String(status));
}

const figure = (head, field, format) => ({
  head,
  number: true,
  cell: (row) => row.unavailable?.[field] ?? format(row[field]),
  sort: (row) => row[field],
});

function routesTable(region) {
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
function timeSpentTable(region) {
  const columns = [
    { head: "Spent on", cell: (row) => SUBJECTS[row.subject] },
    { head: "Of their time", number: true, cell: (row) => share(row.share) },
    { head: "In requests", number: true, cell: (row) => durationText(row.in_requests_ms) },
    { head: "Outside", number: true, cell: (row) => durationText(row.outside_requests_ms) },
  ];
  return new Table(region, columns, { empty: "Nothing in this window.", key: (row) => row.subject });
}

// Rows: {subject, share, why, of_each}: why there is no share; milliseconds of an average request.
function routeSpentTable(region) {
  const columns = [
    { head: "Spent on", cell: (row) => SUBJECTS[row.subject] },
    { head: "Of its time", number: true, cell: (row) => row.why ?? share(row.share) },
    { head: "Of an average request", number: true, cell: (row) => durationText(row.of_each) },
  ];
  return new Table(region, columns, { empty: NO_REQUESTS_YET, key: (row) => row.subject });
}

// Rows: {status, requests, of}
function statusCodesTable(region) {
  const columns = [
    { head: "Status", cell: (row) => statusWord(row.status) },
    { head: "Requests", number: true, cell: (row) => count(row.requests) },
    { head: "Share", number: true, cell: (row) => share(row.requests / row.of) },
  ];
  return new Table(region, columns, { empty: NO_REQUESTS_YET, key: (row) => row.status });
}

function slowRequestsTable(region) {
  const columns = [
    { head: "Time", cell: (row) => moment(row.timestamp) },
    { head: "Took", number: true, cell: (row) => durationText(row.duration_ms) },
    { head: "Status", cell: (row) => statusWord(row.status) },
    { head: "Request", wide: true, cell: (row) => element("span", { title: `Route ${row.route}` }, `${row.method} `, code(row.path)) },
  ];
  return new Table(region, columns, { empty: "No request was slow.", key: (row) => `${row.timestamp} ${row.path}` });
}

function slowQueriesTable(region) {
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

function notificationsTable(region, markRead) {
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

// route_search.js
// The table of routes, and the search in it: what is searched is asked for, up to a number.

const MOST_SEARCHED = 200;

class RouteSearch {
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

// route_view.js
// The view of one route: the fragment of the page's address names it, so that it can be linked and
// the browser goes back from it. It shows and hides the parts of the page that belong to one view.

const SITE_TITLE = document.title;
const REST = "rest";
const SHARES = { db: "db_share", cache: "cache_share", outgoing: "outgoing_share" };

// What the fragment names: {method, route}, or null for the whole site.
function named(fragment) {
  const given = new URLSearchParams(fragment.slice(1));
  const [method, route] = [given.get("method"), given.get("route")];
  return method && route ? { method, route } : null;
}

class RouteView {
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

// strip.js
// The status line: live, paused, gone or signed out. It keeps its place and size.

const REFRESH_SECONDS = 5;

let goneSince = null;
let source = "";

function show(state, text) {
  byId("sp-strip").dataset.state = state;
  document.getElementById("status-page").classList.toggle("sp-stale", state === "gone");
  setText(byId("sp-state"), text);
}

function showLive(summary, paused) {
  const back = goneSince !== null;
  goneSince = null;
  if (summary.fallback_reason) {
    show("doubtful", `Figures of this host only: ${summary.fallback_reason}.`);
  } else {
    show(paused ? "paused" : "live", paused ? "Paused." : back ? "The server answers again." : "Live.");
  }
  const covered = summary.window.covered_seconds;
  const where = summary.source === "prometheus" ? "from Prometheus" : "of this host";
  const reach = covered === null ? "" : `, last ${span(covered)}`;
  source = `Figures ${where}${reach} · updated ${clock(summary.timestamp)}`;
  showRhythm(paused);
}

function showRhythm(paused) {
  if (source) setText(byId("sp-updated"), paused ? source : `${source}, every ${REFRESH_SECONDS} s`);
}

function showPaused(paused) {
  showRhythm(paused);
  if (goneSince === null) show(paused ? "paused" : "live", paused ? "Paused." : "Live.");
}

function showDoubt(message) {
  goneSince = null;
  show("doubtful", message);
}

function showGone(message) {
  goneSince ??= Date.now() / 1000;
  show("gone", `${message} Since ${clock(goneSince)}; these figures are old. Trying again every ${REFRESH_SECONDS} s.`);
}

function showSignedOut(message, loginUrl) {
  show("gone", `${message} `);
  byId("sp-state").append(element("a", { href: loginUrl }, "Log in"), " to continue.");
}

// thresholds.js
// The thresholds form. A refresh never changes what somebody is typing.

class ThresholdsForm {
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

// tiles.js
// The tiles at the top. A tile keeps its size; where its figure is missing, it says why.

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

const SITE_TILES = [
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
const ROUTE_TILES = [
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

class Tiles {
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

// time_charts.js
// The charts over time: response times, traffic by status class, errors.

const CLASSES = ["2xx", "3xx", "4xx", "5xx"];
const NO_POINTS = "No figures over time yet: the first comes a few seconds after the start.";
const MIN_RANGE_SECONDS = 30;
const DASHES = { solid: [], dashed: [8, 4], dotted: [2, 3] };

const stepped = () => uPlot.paths.stepped({ align: -1 });

class TimeCharts {
  #latency;
  #traffic;
  #errors;
  #points = [];
  #range = [0, 1];
  #limits = {};
  #unavailable = {};

  constructor(page) {
    const pointAt = (index) => (index === null ? this.#points.at(-1) : this.#points[index]);
    const x = { time: true, range: () => this.#range };
    const cursor = { sync: { key: "sp-time" } };
    const frame = (id, series, y, formatValue, more = {}) =>
      new ChartFrame(page.querySelector(`#sp-${id}`), series, {
        scales: { x, y: { range: y } },
        axes: timeAxes(formatValue),
        cursor,
        ...more,
      });
    const line = (label, field, style, format) => ({
      label,
      colour: field.replaceAll("_", "-"),
      style,
      show: (index) => format(pointAt(index)?.[field]),
      uplot: {
        stroke: () => colour(field.replaceAll("_", "-")),
        width: 2,
        dash: DASHES[style],
        points: { size: 4, fill: () => colour(field.replaceAll("_", "-")) },
      },
    });

    this.#latency = frame(
      "latency",
      [
        line("Median", "median_response_time", "solid", durationText),
        line("95th", "p95_response_time", "dashed", durationText),
        line("99th", "p99_response_time", "dotted", durationText),
      ],
      (_, low, high) => [0, isNumber(high) && high > 0 ? high * 1.1 : 10],
      shortDuration,
      { draw: (chart) => drawLimit(chart, this.#limits.p95_response_time, "limit of the 95th percentile") },
    );
    this.#traffic = frame(
      "traffic",
      // Stacked: each series is the sum up to its class; the highest is drawn first.
      CLASSES.toReversed().map((name) => ({
        label: name,
        colour: `class-${name}`,
        style: "block",
        show: (index) => number(perSecond(pointAt(index), name)),
        uplot: {
          stroke: () => colour(`class-${name}`),
          fill: () => colour(`class-${name}`),
          width: 1,
          paths: stepped(),
          points: { show: false },
        },
      })),
      (_, low, high) => [0, isNumber(high) && high > 0 ? high * 1.1 : 1],
      short,
      { isStacked: true },
    );
    this.#errors = frame(
      "errors",
      [
        line("all (4xx, 5xx)", "error_rate", "solid", percent),
        line("server (5xx)", "server_error_rate", "dashed", percent),
      ],
      (_, low, high) => [0, Math.min(105, isNumber(high) && high > 1 ? high * 1.15 : 1.5)],
      (value) => `${short(value)} %`,
      {
        draw: (chart) => {
          drawLimit(chart, this.#limits.error_rate, `limit ${short(this.#limits.error_rate ?? 0)} %`);
          drawLimit(chart, this.#limits.server_error_rate, "limit of server errors");
        },
      },
    );
  }

  show(series) {
    this.#points = withStart(series.points);
    const end = series.timestamp;
    this.#unavailable = series.unavailable ?? {};
    // While there are few points, they fill the chart.
    this.#range = [Math.min(this.#points[0]?.time ?? end, end - MIN_RANGE_SECONDS), end];
    if (series.points.length === 0) {
      this.showReason(series.unavailable?.points ? sentence(series.unavailable.points) : NO_POINTS);
      return;
    }
    const times = this.#points.map((point) => point.time);
    const values = (field) => this.#points.map((point) => point[field]);
    const fields = ["median_response_time", "p95_response_time", "p99_response_time"];
    this.#latency.show(
      [times, ...fields.map(values)],
      this.#words("Response time", "p95_response_time", durationText, "95th percentile"),
      () => this.#table(["Median", "95th percentile", "99th percentile"], (point) =>
        fields.map((field) => durationText(point[field]))),
    );
    this.#traffic.show(
      [times, ...stacked(this.#points)],
      this.#words("Traffic", "requests_per_second", number, "Requests a second"),
      () => this.#table(CLASSES, (point) => CLASSES.map((name) => number(perSecond(point, name)))),
    );
    this.#errors.show(
      [times, values("error_rate"), values("server_error_rate")],
      this.#words("Errors", "error_rate", percent, "Error rate") + limitInWords(this.#limits.error_rate),
      () => this.#table(["All errors", "Server errors"], (point) =>
        [percent(point.error_rate), percent(point.server_error_rate)]),
    );
  }

  showReason(reason) {
    this.#points = [];
    for (const chart of [this.#latency, this.#traffic, this.#errors]) chart.showReason(reason);
  }

  // `limits` are thresholds by name; the next figures draw them.
  setLimits(limits) {
    this.#limits = limits;
  }

  #words(title, field, format, name) {
    const known = this.#points.slice(1).map((point) => point[field]).filter(isNumber);
    if (!known.length) return `${title}: ${this.#unavailable[field] ?? "no requests in this window"}.`;
    const [low, high] = [Math.min(...known), Math.max(...known)];
    return `${title} over time. ${name}: now ${format(known.at(-1))}, lowest ${format(low)}, highest ${format(high)}.`;
  }

  #table(head, cells) {
    const rows = this.#points.slice(1).reverse();
    return { head: ["Until", ...head], rows: rows.map((point) => [clock(point.time), ...cells(point)]) };
  }
}

function limitInWords(limit) {
  return isNumber(limit) ? ` Its limit: ${short(limit)} %.` : "";
}

// A point covers the time before it, so the first one needs a start to be drawn from.
function withStart(points) {
  if (!points.length) return [];
  const first = points[0];
  return [{ ...first, time: first.time - first.seconds, seconds: first.seconds }, ...points];
}

function perSecond(point, name) {
  if (!point) return MISSING;
  return (point.status_classes[name] ?? 0) / point.seconds;
}

function stacked(points) {
  const sums = points.map(() => 0);
  return CLASSES.map((name) => {
    points.forEach((point, place) => (sums[place] += perSecond(point, name)));
    return [...sums];
  }).reverse();
}

// status.js
// The status page: asks our own endpoints in turn, and passes each answer to the parts that show it.

const REFRESH_MS = 5000;
// Endpoints that query the database are asked only in every third round.
const SELDOM = 3;
const WAITING = "Waiting for the figures.";

const page = byId("status-page");
const urls = page.dataset;
const csrf = {
  header: urls.csrfHeader,
  token: page.querySelector("[name=csrfmiddlewaretoken]").value,
};

const view = new RouteView(page, viewChanged);
let tiles = tilesOfView();
const health = new Health(byId("sp-health"));
const charts = new TimeCharts(page);
const histogram = new Histogram(page);
const routes = new RouteSearch(byId("sp-routes-card"), askAtOnce);
const timeSpent = timeSpentTable(byId("sp-spent"));
const slowRequests = slowRequestsTable(byId("sp-requests"));
const slowQueries = slowQueriesTable(byId("sp-queries"));
const alertLines = new AlertLines(byId("sp-alerts"));
const notifications = notificationsTable(byId("sp-notifications"), markRead);
const form = new ThresholdsForm(byId("sp-thresholds"), saveThresholds);
const poller = new Poller(refresh, REFRESH_MS);

let rounds = 0;
let summary = null;
let thresholds = null;

// The parts of a round: the endpoint, how often it is asked, and if only in the view of the whole
// site; what shows its answer, and what shows the reason (`why`) when there is none.
const parts = [
  {
    url: () => inWindow(urls.summary, view.chosen ? {} : routes.wanted),
    mounted: urls.summary,
    show: (answer) => (view.chosen ? showRoute(answer) : showSummary(answer)),
    why: whyNoSummary,
  },
  {
    url: () => urls.thresholds,
    mounted: urls.thresholds,
    ofSite: true,
    show: (answer) => showThresholds(answer.thresholds),
    why: whyNoThresholds,
  },
  {
    url: () => inWindow(urls.series),
    mounted: urls.series,
    show: (answer) => [charts, histogram].forEach((chart) => chart.show(answer)),
    why: (reason) => [charts, histogram].forEach((chart) => chart.showReason(reason)),
  },
  {
    url: () => urls.health,
    mounted: urls.health,
    ofSite: true,
    show: (answer) => health.show(answer),
    why: (reason) => health.showReason(reason),
  },
  {
    url: () => inWindow(urls.database),
    mounted: urls.database,
    seldom: true,
    show: (answer) => slowQueries.show(answer.slow_queries),
    why: (reason) => slowQueries.showReason(reason),
  },
  {
    url: () => urls.notifications,
    mounted: urls.notifications,
    seldom: true,
    ofSite: true,
    show: showNotifications,
    why: (reason) => notifications.showReason(reason),
  },
];

// One request at a time. When the server is gone, the remaining parts are skipped.
async function refresh(signal) {
  const isSeldom = rounds++ % SELDOM === 0;
  for (const part of parts) {
    if ((part.seldom && !isSeldom) || (part.ofSite && view.chosen)) continue;
    try {
      const answer = await getJson(part.mounted ? part.url() : "", signal);
      if (signal.aborted) return; // it is of another window or view
      part.show(answer);
    } catch (error) {
      if (!report(error, part)) {
        if (isSeldom) rounds = 0; // the next round asks the skipped parts
        return;
      }
    }
  }
}

// Shows the error. Returns whether the other parts can still be asked.
function report(error, part) {
  switch (error.kind) {
    case "aborted":
      return false;
    case "gone":
      showGone(error.message);
      return false;
    case "signed-out":
      poller.stop();
      showSignedOut(error.message, urls.login);
      return false;
    case undefined: // a fault of this page
      throw error;
    default:
      part.why(error.message);
      return true;
  }
}

function showSummary(answer) {
  summary = answer;
  tiles.show(answer, thresholds);
  routes.show(answer);
  timeSpent.show(Object.entries(answer.time_spent).map(([subject, spent]) => ({ subject, ...spent })));
  slowRequests.show(answer.slow_requests);
  showLive(answer, poller.paused);
  if (thresholds) alertLines.show(thresholds, answer);
}

// The summary of one route: figures of the site are not asked for, and not shown.
function showRoute(answer) {
  const [endpoint] = answer.endpoints;
  const seconds = answer.window.covered_seconds;
  if (endpoint) tiles.show({ ...endpoint, requests_per_second: seconds ? endpoint.request_count / seconds : null }, null);
  else tiles.showReason("no requests in this window");
  view.show(endpoint);
  slowRequests.show(answer.slow_requests);
  showLive(answer, poller.paused);
}

function whyNoSummary(reason) {
  summary = null;
  view.showReason(reason);
  tiles.showReason(reason);
  routes.showReason(reason);
  timeSpent.showReason(reason);
  slowRequests.showReason(reason);
  if (thresholds) alertLines.showReason(reason);
  showDoubt(reason);
}

function showThresholds(values) {
  thresholds = values;
  form.show(values);
  charts.setLimits(values);
  if (!summary) return;
  tiles.show(summary, values);
  alertLines.show(values, summary);
}

function whyNoThresholds(reason) {
  thresholds = null;
  form.showReason(reason);
  charts.setLimits({});
  alertLines.showReason(reason);
}

function showNotifications(answer) {
  notifications.show(answer.notifications);
  const unread = answer.unread_count;
  setText(byId("sp-unread"), unread ? `${unread} unread` : "yours, newest first");
}

async function saveThresholds(changed) {
  const answer = await sendJson("PUT", urls.thresholds, { thresholds: changed }, csrf);
  thresholds = answer.thresholds;
  charts.setLimits(thresholds);
  poller.now();
  return thresholds;
}

async function markRead(notification, button) {
  button.disabled = true;
  try {
    await sendJson("POST", urls.readNotification.replace("/0/", `/${notification.id}/`), {}, csrf);
    showNotifications(await getJson(urls.notifications));
  } catch (error) {
    button.disabled = false;
    button.title = error.message;
  }
}

async function evaluateNow() {
  const [button, result] = [byId("sp-check"), byId("sp-check-result")];
  button.disabled = true;
  try {
    const answer = await sendJson("POST", urls.checkAlerts, {}, csrf);
    const breached = answer.alerts.filter((alert) => alert.is_breached).length;
    setText(result, `${breached} of ${answer.alerts.length} above their limits; ${answer.sent.length} told.`);
    askAtOnce();
  } catch (error) {
    setText(result, error.message);
  } finally {
    button.disabled = false;
  }
}

// With the window and the route that the reader has chosen.
function inWindow(url, more = {}) {
  const window = page.querySelector("[name=window]:checked").value;
  return `${url}?${new URLSearchParams({ window, ...view.chosen, ...more })}`;
}

function tilesOfView() {
  return new Tiles(byId("sp-tiles"), view.chosen ? ROUTE_TILES : SITE_TILES);
}

function askAtOnce() {
  rounds = 0;
  poller.now();
}

// No figure of the view before stays.
function viewChanged() {
  tiles = tilesOfView();
  for (const part of [charts, histogram, slowRequests, slowQueries, view]) part.showReason(WAITING);
  charts.setLimits(view.chosen ? {} : (thresholds ?? {}));
  askAtOnce();
}

function togglePause() {
  if (poller.paused) poller.resume();
  else poller.pause();
  byId("sp-pause").setAttribute("aria-pressed", String(poller.paused));
  showPaused(poller.paused);
}

byId("sp-pause").addEventListener("click", togglePause);
byId("sp-check").addEventListener("click", evaluateNow);
byId("sp-check").disabled = !urls.checkAlerts;
page.querySelector(".sp-windows").addEventListener("change", askAtOnce);
poller.start();
