// The status line: live, paused, gone or signed out. It keeps its place and size.

import { byId, element, setText } from "./dom.js";
import { clock, span } from "./format.js";

const REFRESH_SECONDS = 5;

let goneSince = null;
let source = "";

function show(state, text) {
  byId("sp-strip").dataset.state = state;
  document.getElementById("status-page").classList.toggle("sp-stale", state === "gone");
  setText(byId("sp-state"), text);
}

export function showLive(summary, paused) {
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

export function showPaused(paused) {
  showRhythm(paused);
  if (goneSince === null) show(paused ? "paused" : "live", paused ? "Paused." : "Live.");
}

export function showDoubt(message) {
  goneSince = null;
  show("doubtful", message);
}

export function showGone(message) {
  goneSince ??= Date.now() / 1000;
  show("gone", `${message} Since ${clock(goneSince)}; these figures are old. Trying again every ${REFRESH_SECONDS} s.`);
}

export function showSignedOut(message, loginUrl) {
  show("gone", `${message} `);
  byId("sp-state").append(element("a", { href: loginUrl }, "Log in"), " to continue.");
}
