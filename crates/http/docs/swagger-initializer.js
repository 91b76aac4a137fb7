"use strict";

// Signing in on the page authorises the page; signing out ends that.
function followSession(response) {
  const path = new URL(response.url, location.href).pathname.replace(/\/$/, "");
  const token = response.ok && response.obj && response.obj.access_token;
  if (/\/(login|token\/refresh)$/.test(path) && token) {
    ui.preauthorizeApiKey("bearer", token);
  } else if (path.endsWith("/account/logout") && response.ok) {
    ui.authActions.logout(["bearer"]);
  }
  return response;
}

// The filter of Swagger UI knows only tags, in their exact letter case.
function filterOperations(taggedOperations, phrase) {
  const wanted = phrase.toLowerCase();
  const fits = (...texts) => texts.some((text) => (text || "").toLowerCase().includes(wanted));
  return taggedOperations
    .map((group, tag) =>
      group.update("operations", (operations) =>
        operations.filter((operation) =>
          fits(tag, operation.get("path"), operation.getIn(["operation", "summary"])))))
    .filter((group) => group.get("operations").size > 0);
}

// What is there for old clients alone comes last in its group.
function compareOperations(one, other) {
  const isDeprecated = (operation) => Number(operation.getIn(["operation", "deprecated"], false));
  return isDeprecated(one) - isDeprecated(other);
}

// The guide stands above the operations, and is long.
function linkOperations() {
  document.querySelector("#swagger-ui .scheme-container").id = "operations";
  document.querySelector("nav").hidden = false;
  document.querySelector(".operation-filter-input").placeholder = "Filter by path, summary or group";
}

const ui = SwaggerUIBundle({
  url: new URL("../openapi.json", location.href).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  onComplete: linkOperations,
  operationsSorter: compareOperations,
  persistAuthorization: false,
  plugins: [{ fn: { opsFilter: filterOperations } }],
  responseInterceptor: followSession,
  tryItOutEnabled: true,
  validatorUrl: null,
});
