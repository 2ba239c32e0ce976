// Sends requests to our own endpoints, with a time limit and a kind for each error.

const TIMEOUT_MS = 10_000;
const GATEWAY_ERRORS = new Set([502, 504]);

// kind: "gone" (no answer at all), "signed-out", "absent", "unavailable", "invalid", "aborted" or
// "error"; message is for people; fields maps each invalid form field to its messages.
export class RequestError extends Error {
  constructor(kind, message, fields = {}) {
    super(message);
    this.kind = kind;
    this.fields = fields;
  }
}

export function getJson(url, signal) {
  return request(url, { method: "GET" }, signal);
}

export function sendJson(method, url, body, csrf, signal) {
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
