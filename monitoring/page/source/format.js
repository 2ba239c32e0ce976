// Formats figures for people. Null becomes a dash; the page shows the reason beside it.

const language = document.documentElement.lang || "en";
const cached = new Map();

export const MISSING = "–";

function formatter(digits) {
  if (!cached.has(digits)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    cached.set(digits, new Intl.NumberFormat(language, options));
  }
  return cached.get(digits);
}

export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

// Three significant digits, and every digit of the whole part.
export function number(value) {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  return formatter(value === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2).format(value);
}

// The same without trailing zeros, for axes.
export function short(value) {
  return number(value).replace(/([.,]\d*?)0+$/, "$1").replace(/[.,]$/, "");
}

export function count(value) {
  return isNumber(value) ? formatter(0).format(value) : MISSING;
}

// Milliseconds with their unit apart, so that the unit can be set smaller.
export function duration(milliseconds) {
  if (!isNumber(milliseconds)) return { value: MISSING, unit: "" };
  if (milliseconds < 999.5) return { value: number(milliseconds), unit: "ms" };
  return { value: number(milliseconds / 1000), unit: "s" };
}

export function durationText(milliseconds) {
  const { value, unit } = duration(milliseconds);
  return unit ? `${value} ${unit}` : value;
}

export function shortDuration(milliseconds) {
  return milliseconds < 999.5 ? `${short(milliseconds)} ms` : `${short(milliseconds / 1000)} s`;
}

// "1 request", "2 requests".
export function counted(value, word) {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

export function percent(value) {
  return isNumber(value) ? `${number(value)} %` : MISSING;
}

// A part of 1 as percent.
export function share(value) {
  return isNumber(value) ? percent(100 * value) : MISSING;
}

// "no such route" → "No such route."
export function sentence(reason) {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
}

// The address on this page of the view of one route.
export function fragmentOf({ method, route }) {
  return `#${new URLSearchParams({ method, route })}`;
}

export function clock(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleTimeString(language, { hour12: false });
}

// The time of day; with its date if it is more than a day ago.
export function moment(unixSeconds) {
  const then = new Date(unixSeconds * 1000);
  if (Date.now() - then.getTime() < 86_400_000) return clock(unixSeconds);
  return then.toLocaleString(language, { dateStyle: "short", timeStyle: "short", hour12: false });
}

// 300 → "5 min".
export function span(seconds) {
  if (!isNumber(seconds)) return MISSING;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  return `${short(Math.round(seconds / 360) / 10)} h`;
}
