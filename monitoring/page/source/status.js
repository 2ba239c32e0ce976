// The status page: asks our own endpoints in turn, and passes each answer to the parts that show it.

import { AlertLines } from "./alerts.js";
import { byId, setText } from "./dom.js";
import { getJson, sendJson } from "./fetching.js";
import { Health } from "./health.js";
import { Histogram } from "./histogram.js";
import { Poller } from "./polling.js";
import { RouteSearch } from "./route_search.js";
import { RouteView } from "./route_view.js";
import { showDoubt, showGone, showLive, showPaused, showSignedOut } from "./strip.js";
import { notificationsTable, slowQueriesTable, slowRequestsTable, timeSpentTable } from "./tables.js";
import { ThresholdsForm } from "./thresholds.js";
import { ROUTE_TILES, SITE_TILES, Tiles } from "./tiles.js";
import { TimeCharts } from "./time_charts.js";

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
