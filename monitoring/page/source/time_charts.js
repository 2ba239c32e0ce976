// The charts over time: response times, traffic by status class, errors.

import { ChartFrame, colour, drawLimit, timeAxes } from "./chart_frame.js";
import { clock, durationText, isNumber, MISSING, number, percent, sentence, short, shortDuration } from "./format.js";

const CLASSES = ["2xx", "3xx", "4xx", "5xx"];
const NO_POINTS = "No figures over time yet: the first comes a few seconds after the start.";
const MIN_RANGE_SECONDS = 30;
const DASHES = { solid: [], dashed: [8, 4], dotted: [2, 3] };

const stepped = () => uPlot.paths.stepped({ align: -1 });

export class TimeCharts {
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
