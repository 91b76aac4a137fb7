// The interactive documentation, as a person uses it. Needs API (a portal in development mode), CHROMIUM (the browser) and
// PACKAGES (the folder with node_modules); `tests/browser.sh` sets them.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, before, test } from "node:test";

const { API, CHROMIUM, PACKAGES, SCREENSHOT } = process.env;
const { chromium } = createRequire(PACKAGES)("playwright-core");

const ann = { email: "ann@example.com", contract_number: "01733333333", user_type: "employer", password: "correct horse" };
const signIn = { email_or_phone: ann.email, password: ann.password };

async function call(path, body, token) {
  const response = await fetch(API + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
}

const tokens = () => call("/account/login/", signIn);

let profile, context, page, complaints;

before(async () => {
  const { otp } = await call("/account/register/", ann);
  await call("/account/verify_otp/", { email: ann.email, otp });
  await call("/job/manage/", {
    title: "Data Engineer", description: "Build our pipelines.", job_type: "Private", job_subtype: "Full-time",
    experience_level: "Mid", company_name: "Tech Solutions Ltd.", location: "Dhaka", deadline: "2099-12-31T23:59:59Z",
  }, (await tokens()).access_token);
});

async function open({ javaScriptEnabled = true } = {}) {
  profile = await mkdtemp(join(tmpdir(), "jobportal-browser."));
  context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    javaScriptEnabled,
    viewport: { width: 1280, height: 1000 },
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
  context.setDefaultTimeout(30_000);
  complaints = [];
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== API && !["data:", "blob:"].includes(url.protocol)) complaints.push(`a request to ${url}`);
  });
  // A violation of the content security policy is such an error, too.
  context.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  context.on("weberror", (error) => complaints.push(String(error.error())));
  page = context.pages()[0] ?? await context.newPage();
  await page.goto(`${API}/docs/`);
}

afterEach(async () => {
  if (!context) return;
  await context.close();
  context = undefined;
  await rm(profile, { recursive: true, force: true });
  assert.deepEqual(complaints, []);
});

const operation = (method, path) =>
  page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"], [data-path="${path}/"]`) });

async function execute(method, path, body) {
  const block = operation(method, path);
  if (!await block.locator(".opblock-body").count()) await block.locator(".opblock-summary-control").click();
  if (body) await block.locator(".body-param__text").fill(JSON.stringify(body));
  await block.locator("button.execute").click();
  const answer = block.locator(".live-responses-table tbody");
  const status = Number.parseInt(await answer.locator(".response-col_status").first().innerText(), 10);
  return { status, body: status === 204 ? "" : await answer.locator(".highlight-code code").first().innerText() };
}

const isAuthorised = () => page.locator(".auth-wrapper .authorize.locked").count().then((count) => count === 1);

async function authorise(token) {
  await page.locator(".auth-wrapper .authorize").click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").fill(token);
  await dialog.locator("button[type=submit]").click();
  await dialog.locator(".btn-done").click();
}

test("who signs in on the page can call what needs a token", async () => {
  await open();
  assert.equal(await isAuthorised(), false);
  const signedIn = await execute("post", "/account/login", signIn);
  assert.equal(signedIn.status, 200);
  await page.locator(".auth-wrapper .authorize.locked").waitFor();

  const own = await execute("get", "/account/login-user-info");
  assert.equal(own.status, 200);
  assert.ok(own.body.includes(ann.email), own.body);
  const found = await execute("get", "/job/search");
  assert.equal(found.status, 200);
  assert.ok(found.body.includes("Data Engineer"), found.body);

  const { refresh_token } = JSON.parse(signedIn.body);
  const renewed = await execute("post", "/account/token/refresh", { refresh_token });
  assert.equal(renewed.status, 200);
  const signedOut = await execute("post", "/account/logout", { refresh_token: JSON.parse(renewed.body).refresh_token });
  assert.equal(signedOut.status, 204);
  await page.locator(".auth-wrapper .authorize.unlocked").waitFor();
});

test("a token can be pasted, and is gone with the page", async () => {
  await open();
  await authorise((await tokens()).access_token);
  const own = await execute("get", "/account/login-user-info");
  assert.equal(own.status, 200);
  assert.ok(own.body.includes(ann.email), own.body);

  const kept = await page.evaluate(() => [document.cookie, ...Object.entries(localStorage), ...Object.entries(sessionStorage)]);
  assert.deepEqual(kept, [""]);
  await page.reload();
  await page.locator(".opblock").first().waitFor();
  assert.equal(await isAuthorised(), false);
});

test("the filter finds paths, summaries and tags in any letter case", async () => {
  await open();
  const shown = page.locator(".opblock");
  await shown.first().waitFor();
  const all = await shown.count();
  await page.locator(".operation-filter-input").fill("SEARCH");
  await page.waitForFunction((all) => document.querySelectorAll(".opblock").length < all, all);
  assert.equal(await operation("get", "/job/search").count(), 1);
  assert.equal(await operation("post", "/account/login").count(), 0);
});

test("without JavaScript there are the guide and the document", async () => {
  await open({ javaScriptEnabled: false });
  const text = await page.locator("noscript").innerText();
  assert.ok(text.includes("Idempotency-Key"), text);
  await page.locator("noscript a").click();
  assert.equal(page.url(), `${API}/openapi.json`);
});

test("a link leads past the guide to the operations, the deprecated ones last in their group", async () => {
  await open();
  await page.locator("nav a").click();
  await page.waitForFunction(() => Math.abs(document.querySelector("#operations").getBoundingClientRect().top) < 50);
  const groups = await page.locator(".opblock-tag-section").evaluateAll((groups) =>
    groups.map((group) => [...group.querySelectorAll(".opblock")].map((shown) => shown.matches(".opblock-deprecated"))));
  assert.ok(groups.length > 5);
  for (const isDeprecated of groups) assert.deepEqual(isDeprecated, isDeprecated.toSorted());
  if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT });
});
