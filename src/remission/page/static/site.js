// All that the page does with script: everything else works without it. No storage, no requests of its own but data-live.

// fragments come from this server alone, made by its templates, which escape what was typed
const policy = window.trustedTypes?.createPolicy("remission", { createHTML: (html) => html });
const trusted = (html) => (policy ? policy.createHTML(html) : html);

// [data-previous], [data-next]: links that the arrow keys follow
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable], [tabindex='0'], summary, [role=slider]")) return;
  const back = document.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
  const on = document.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  const which = { [back]: "[data-previous]", [on]: "[data-next]" }[event.key];
  const link = which && document.querySelector(which);
  if (link) { event.preventDefault(); link.click(); }
});

// [data-print]: a button that is there only where it can do something
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// [data-live=address]: filled by the server's events "html" until "done"; the refreshing of a page without script is off
for (const place of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(place.dataset.live);
  events.addEventListener("html", ({ data }) => { place.innerHTML = trusted(data); });
  events.addEventListener("done", ({ data }) => {
    events.close();
    if (data) place.innerHTML = trusted(data);
    place.removeAttribute("aria-busy");
  });
}

// form[data-at-once]: a choice is sent at once, without the button
for (const form of document.querySelectorAll("form[data-at-once]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
