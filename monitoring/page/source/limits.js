// Each threshold's label, summary field, unit and number format.

import { count, durationText, number, percent, short, shortDuration } from "./format.js";

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
export function limitOf(name) {
  return KNOWN[name] ?? { label: name.replaceAll("_", " "), field: name, unit: "", format: number, limit: number };
}

export function isAbove(value, limit) {
  return value !== null && value !== undefined && limit !== null && value > limit;
}
