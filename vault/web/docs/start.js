// Starts the API page. `validatorUrl: null` keeps the bundle from telling a public validator about this API.
globalThis.addEventListener("DOMContentLoaded", () => {
  globalThis.SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#api",
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    presets: [globalThis.SwaggerUIBundle.presets.apis],
  });
});
