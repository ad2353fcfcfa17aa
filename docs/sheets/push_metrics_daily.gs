/**
 * Pushes the rows of the open sheet to the Podcast Sponsorship Tracker and writes beside each row what became of it.
 *
 * Set up once: Extensions > Apps Script, paste this file, save, reload the sheet. Then Tracker > Settings asks for the
 * address of your house (https://acme.example.com) and a key with the scope etl:write and etl:read.
 *
 * The first row names the columns: day, episode_id, source and at least one of downloads, listeners, completion_rate,
 * ctr, conversions, revenue_cents. A column "tracker" is added for the answers; it is not sent.
 */

const ANSWER_COLUMN = "tracker";
const COLUMNS = [
  "day", "episode_id", "source", "downloads", "listeners", "completion_rate", "ctr", "conversions", "revenue_cents",
];
const MOST_QUESTIONS = 60;
const PAUSE_MS = 2000;

function onOpen() {
  SpreadsheetApp.getUi()
    .createMenu("Tracker")
    .addItem("Check the rows", "checkMetricsDaily")
    .addItem("Push the rows", "pushMetricsDaily")
    .addSeparator()
    .addItem("Settings", "askForSettings")
    .addToUi();
}

function askForSettings() {
  const ui = SpreadsheetApp.getUi();
  const properties = PropertiesService.getUserProperties();
  const address = ui.prompt("Address of your house", "For example https://acme.example.com", ui.ButtonSet.OK_CANCEL);
  if (address.getSelectedButton() !== ui.Button.OK) return;
  const key = ui.prompt("API key", "It is kept for you alone.", ui.ButtonSet.OK_CANCEL);
  if (key.getSelectedButton() !== ui.Button.OK) return;
  properties.setProperty("address", address.getResponseText().trim().replace(/\/+$/, ""));
  properties.setProperty("key", key.getResponseText().trim());
}

function checkMetricsDaily() {
  return push_(true);
}

function pushMetricsDaily() {
  return push_(false);
}

function push_(isDryRun) {
  const sheet = SpreadsheetApp.getActiveSheet();
  const values = sheet.getDataRange().getValues();
  const names = (values[0] || []).map((name) => String(name).trim().toLowerCase());
  const missing = ["day", "episode_id", "source"].filter((name) => !names.includes(name));
  if (missing.length) return tell_(`The first row does not name: ${missing.join(", ")}.`);
  if (values.length < 2) return tell_("There are no rows below the first one.");

  let run;
  try {
    run = finished_(send_(csv_(values, names), isDryRun, sheet.getName()));
  } catch (error) {
    return tell_(error.message);
  }
  writeAnswers_(sheet, values, names, run, isDryRun);
  const done = isDryRun ? `${run.metadata.would_import || 0} rows would change` : `${run.records_imported} rows changed`;
  return tell_(run.status === "completed" ? `${done}, ${run.records_failed} refused.` : run.error_message);
}

/** The rows as CSV in the order of the sheet, so that line numbers of the answer are row numbers. */
function csv_(values, names) {
  const places = COLUMNS.map((name) => names.indexOf(name)).filter((place) => place >= 0);
  return values
    .map((row, n) => places.map((place) => cell_(n ? row[place] : names[place], names[place])).join(","))
    .join("\n") + "\n";
}

function cell_(value, name) {
  let text = value;
  if (value instanceof Date) {
    text = Utilities.formatDate(value, SpreadsheetApp.getActiveSpreadsheet().getSpreadsheetTimeZone(), "yyyy-MM-dd");
  }
  text = String(text === null || text === undefined ? "" : text).trim();
  // A line break inside a cell would shift the numbers of the rows below.
  text = text.replace(/[\r\n]+/g, " ");
  return /[",]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function send_(csv, isDryRun, name) {
  const file = Utilities.newBlob(csv, "text/csv", `${name.replace(/[^\w .-]/g, "_")}.csv`);
  const payload = { file, kind: "metrics_daily", dry_run: isDryRun ? "true" : "false" };
  return ask_("post", "/api/v1/etl/upload", payload);
}

/** Ask until the worker is done. */
function finished_(run) {
  for (let n = 0; n < MOST_QUESTIONS; n += 1) {
    const now = ask_("get", `/api/v1/etl/status/${run.import_id}`);
    if (now.status === "completed" || now.status === "failed") return now;
    Utilities.sleep(PAUSE_MS);
  }
  throw new Error("The import is not done yet; look at the imports page of the tracker.");
}

function ask_(method, path, payload) {
  const properties = PropertiesService.getUserProperties();
  const address = properties.getProperty("address");
  const key = properties.getProperty("key");
  if (!address || !key) throw new Error("Choose Tracker > Settings first.");
  const options = { method, headers: { Authorization: `Bearer ${key}` }, muteHttpExceptions: true };
  if (payload) options.payload = payload;
  const response = UrlFetchApp.fetch(address + path, options);
  const status = response.getResponseCode();
  let answer;
  try {
    answer = JSON.parse(response.getContentText());
  } catch (error) {
    throw new Error(`The tracker answered with status ${status} and no words. Is the address right?`);
  }
  if (status >= 400) throw new Error(answer.detail || `The tracker refused this (${status}).`);
  return answer;
}

function writeAnswers_(sheet, values, names, run, isDryRun) {
  const place = names.includes(ANSWER_COLUMN) ? names.indexOf(ANSWER_COLUMN) : names.length;
  const errors = {};
  (run.errors || []).forEach((error) => {
    const words = error.column ? `${error.column}: ${error.reason}` : error.reason;
    errors[error.line] = errors[error.line] ? `${errors[error.line]} ${words}` : words;
  });
  const good = run.status !== "completed" ? "not taken" : isDryRun ? "would be taken" : "taken";
  const answers = values.map((row, n) => {
    if (!n) return [ANSWER_COLUMN];
    if (row.every((value) => value === "")) return [""];
    return [errors[n + 1] || good];
  });
  sheet.getRange(1, place + 1, answers.length, 1).setValues(answers);
}

function tell_(words) {
  SpreadsheetApp.getActiveSpreadsheet().toast(words, "Tracker", 10);
  return words;
}
