// The frame of every chart: uPlot in the admin's colours, a legend with the values at the cursor, a
// description in words, and a table.

import { element, setText } from "./dom.js";
import { clock } from "./format.js";

const HEIGHT = 200;
const AXIS_FONT = "11px system-ui, sans-serif";

export function colour(name) {
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

export class ChartFrame {
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

export function timeAxes(formatValue) {
  return [
    { space: 70, size: 26, gap: 4, values: (_, splits) => splits.map(timeOfDay) },
    { size: 56, gap: 6, values: (_, splits) => splits.map(formatValue) },
  ];
}

// A dashed line with its name; above the chart's range, only the name and an arrow at the top edge.
export function drawLimit(chart, value, text) {
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
