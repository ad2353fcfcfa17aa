// Runs a .gs file under Node with stand-ins for the services of Apps Script. Reads {script, call, values, address, key,
// port} as JSON from standard input; writes {told, values} to standard output.
"use strict";
const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const vm = require("node:vm");

const given = JSON.parse(readFileSync(0, "utf8"));
const values = given.values.map((row) => row.map((cell) => (cell && cell.date ? new Date(cell.date) : cell)));
let told = "";

// Apps Script waits for an answer; a child does the waiting.
const CHILD = `
const http = require("node:http");
const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const request = http.request({ host: "127.0.0.1", port: asked.port, path: asked.path, method: asked.method.toUpperCase(),
  headers: asked.headers }, (response) => {
  let text = "";
  response.on("data", (part) => { text += part; });
  response.on("end", () => process.stdout.write(JSON.stringify({ status: response.statusCode, text })));
});
request.end(asked.body ? Buffer.from(asked.body, "utf8") : undefined);
`;

const multipart = (payload) => {
  const border = "----border0123456789";
  const parts = Object.entries(payload).map(([name, value]) => value && value.blob
    ? `--${border}\r\nContent-Disposition: form-data; name="${name}"; filename="${value.name}"\r\nContent-Type: ${value.type}\r\n\r\n${value.text}\r\n`
    : `--${border}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  return { body: `${parts.join("")}--${border}--\r\n`, type: `multipart/form-data; boundary=${border}` };
};

const sheet = {
  getName: () => "Daily figures",
  getDataRange: () => ({ getValues: () => values.map((row) => [...row]) }),
  getRange: (row, column, rows) => ({
    setValues: (answers) => {
      for (let n = 0; n < rows; n += 1) values[row - 1 + n][column - 1] = answers[n][0];
    },
  }),
};
const spreadsheet = { toast: (words) => { told = words; }, getSpreadsheetTimeZone: () => "UTC" };
const services = {
  SpreadsheetApp: { getActiveSheet: () => sheet, getActiveSpreadsheet: () => spreadsheet },
  PropertiesService: { getUserProperties: () => ({ getProperty: (name) => given[name] || null }) },
  Utilities: {
    newBlob: (text, type, name) => ({ blob: true, text, type, name }),
    formatDate: (date) => date.toISOString().slice(0, 10),
    sleep: () => {},
  },
  UrlFetchApp: {
    fetch: (url, options) => {
      const address = new URL(url);
      const asked = { port: given.port, path: address.pathname, method: options.method, headers: { ...options.headers, Host: address.host } };
      if (options.payload) {
        const form = multipart(options.payload);
        asked.body = form.body;
        asked.headers["Content-Type"] = form.type;
        asked.headers["Content-Length"] = Buffer.byteLength(form.body);
      }
      const answer = JSON.parse(execFileSync(process.execPath, ["-e", CHILD], { input: JSON.stringify(asked), encoding: "utf8" }));
      return { getResponseCode: () => answer.status, getContentText: () => answer.text };
    },
  },
};

const context = vm.createContext({ ...services, Date, JSON, Error, String });
vm.runInContext(readFileSync(given.script, "utf8"), context);
vm.runInContext(`${given.call}()`, context);
process.stdout.write(JSON.stringify({ told, values }));
