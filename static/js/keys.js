// Keys of the console: g and a letter goes to a page, j and k go down and up a list, ? shows them all.
// Whoever dictates or types with a switch turns them off on that page: they are then kept off in this browser.
(() => {
  "use strict";
  const OFF = "keys-off";
  const PAGES = { d: "/dashboard", c: "/counter/", m: "/members/", a: "/approvals", p: "/programme/", r: "/rewards", t: "/team", s: "/settings" };
  const store = {
    get off() {
      try { return localStorage.getItem(OFF) === "1"; } catch { return false; }
    },
    set off(value) {
      try { localStorage.setItem(OFF, value ? "1" : "0"); } catch { /* a browser that keeps nothing keeps the keys */ }
    },
  };
  let waiting = 0;

  function isTyping(target) {
    return target instanceof Element && target.closest("input, textarea, select, [contenteditable], dialog[open]");
  }
  function go(link) {
    if (link) location.assign(link.href);
    return Boolean(link);
  }
  function step(by) {
    const links = [...document.querySelectorAll("main tbody tr, main .list > li, main .findings > li")]
      .map((row) => row.querySelector("a[href]"))
      .filter((link) => link && link.offsetParent);
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
    next?.focus();
    return Boolean(next);
  }
  document.addEventListener("keydown", (event) => {
    if (store.off || event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const isSecond = event.timeStamp - waiting < 1500;
    waiting = 0;
    let isDone = false;
    if (isSecond && PAGES[event.key]) isDone = go(document.querySelector(`#nav a[href$="${PAGES[event.key]}"]`));
    else if (isSecond && event.key === "n") isDone = go(document.querySelector("a.bell"));
    else if (event.key === "g") waiting = event.timeStamp;
    else if (event.key === "j") isDone = step(1);
    else if (event.key === "k") isDone = step(-1);
    else if (event.key === "?") isDone = go(document.querySelector("a[data-shortcuts]"));
    if (isDone) event.preventDefault();
  });

  const choice = document.querySelector("input[data-keys]");
  if (choice) {
    choice.checked = !store.off;
    choice.addEventListener("change", () => { store.off = !choice.checked; });
  }
})();
