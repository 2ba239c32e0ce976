// The histogram: how many responses took how long, over the whole window.

import { ChartFrame, colour } from "./chart_frame.js";
import { count, counted, durationText, percent, shortDuration } from "./format.js";

export class Histogram {
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
