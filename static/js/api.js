// Opens the reference. A key typed into "Authorize" stays in this tab's memory and is gone when it closes.
const place = document.getElementById("reference");
SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  presets: [SwaggerUIBundle.presets.apis],
});
