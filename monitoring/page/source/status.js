// The status page: asks our own endpoints in turn, and passes each answer to the parts that show it.

import { AlertLines } from "./alerts.js";
import { byId, setText } from "./dom.js";
import { getJson, sendJson } from "./fetching.js";
import { Health } from "./health.js";
import { Histogram } from "./histogram.js";
import { Poller } from "./polling.js";
import { showDoubt, showGone, showLive, showPaused, showSignedOut } from "./strip.js";
import { notificationsTable, routesTable, slowQueriesTable, slowRequestsTable, timeSpentTable } from "./tables.js";
import { ThresholdsForm } from "./thresholds.js";
import { Tiles } from "./tiles.js";
import { TimeCharts } from "./time_charts.js";

const REFRESH_MS = 5000;
// Endpoints that query the database are asked only in every third round.
const SELDOM = 3;

const page = byId("status-page");
const urls = page.dataset;
const csrf = {
  header: urls.csrfHeader,
  token: page.querySelector("[name=csrfmiddlewaretoken]").value,
};

const tiles = new Tiles(byId("sp-tiles"));
const health = new Health(byId("sp-health"));
const charts = new TimeCharts(page);
const histogram = new Histogram(page);
const routes = routesTable(byId("sp-routes"));
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

// The parts of a round: the endpoint, how often it is asked, what shows its answer, and what shows
// the reason (`why`) when there is none.
const parts = [
  { url: () => `${urls.summary}?window=${chosenWindow()}`, mounted: urls.summary, show: showSummary, why: whyNoSummary },
  {
    url: () => urls.thresholds,
    mounted: urls.thresholds,
    show: (answer) => showThresholds(answer.thresholds),
    why: whyNoThresholds,
  },
  {
    url: () => `${urls.series}?window=${chosenWindow()}`,
    mounted: urls.series,
    show: (answer) => [charts, histogram].forEach((chart) => chart.show(answer)),
    why: (reason) => [charts, histogram].forEach((chart) => chart.showReason(reason)),
  },
  { url: () => urls.health, mounted: urls.health, show: (answer) => health.show(answer), why: (reason) => health.showReason(reason) },
  {
    url: () => `${urls.database}?window=${chosenWindow()}`,
    mounted: urls.database,
    seldom: true,
    show: (answer) => slowQueries.show(answer.slow_queries),
    why: (reason) => slowQueries.showReason(reason),
  },
  {
    url: () => urls.notifications,
    mounted: urls.notifications,
    seldom: true,
    show: showNotifications,
    why: (reason) => notifications.showReason(reason),
  },
];

// One request at a time. When the server is gone, the remaining parts are skipped.
async function refresh(signal) {
  const isSeldom = rounds++ % SELDOM === 0;
  for (const part of parts) {
    if (part.seldom && !isSeldom) continue;
    try {
      part.show(await getJson(part.mounted ? part.url() : "", signal));
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
  routes.show(answer.endpoints);
  timeSpent.show(Object.entries(answer.time_spent).map(([subject, spent]) => ({ subject, ...spent })));
  slowRequests.show(answer.slow_requests);
  showLive(answer, poller.paused);
  if (thresholds) alertLines.show(thresholds, answer);
}

function whyNoSummary(reason) {
  summary = null;
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
    rounds = 0;
    poller.now();
  } catch (error) {
    setText(result, error.message);
  } finally {
    button.disabled = false;
  }
}

function chosenWindow() {
  return page.querySelector("[name=window]:checked").value;
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
page.querySelector(".sp-windows").addEventListener("change", () => {
  rounds = 0;
  poller.now();
});
poller.start();
