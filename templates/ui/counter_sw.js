{% load static ui %}// The counter's service worker: network first for everything. Pages that the server marks are kept for whoever is signed on
// and shown without a connection; whoever signs off leaves none behind. It keeps no answer to a POST.
"use strict";

const PAGES = "counter pages " + self.registration.scope;
const FRAME = "counter frame 1 " + self.registration.scope;
const HOME = "{{ home|escapejs }}";
const KEPT_MAX = 30;
const PARTS = ["{% static "css/tokens.css" %}", "{% static "css/base.css" %}", "{% static "css/components.css" %}", "{% static "css/components-wide.css" %}", "{% static "css/console.css" %}", "{% static "js/ui.js" %}", "{% static "js/counter.js" %}", "{% static "js/counter_kept.js" %}", "{% static "icons.svg" %}"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(FRAME).then((cache) => cache.addAll(PARTS)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const mine = (name) => name.startsWith("counter ") && name.endsWith(" " + self.registration.scope);
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => mine(name) && name !== PAGES && name !== FRAME).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// A page that was open before the worker was there tells what it is made of.
self.addEventListener("message", (event) => {
  const { parts, page: url } = event.data || {};
  if (!Array.isArray(parts)) return;
  const mine = parts.filter((part) => new URL(part).origin === self.location.origin);
  event.waitUntil(
    caches.open(FRAME)
      .then((cache) => Promise.all(mine.map((part) => cache.add(part).catch(() => {}))))
      .then(() => url && page(new Request(url, { credentials: "same-origin" }), event))
      .catch(() => {}),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (new URL(request.url).origin !== self.location.origin || request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(page(request, event));
  else if (["style", "script", "image"].includes(request.destination)) event.respondWith(part(request));
});

// One page an address: what was searched for is no other page.
const nameOf = (url) => new URL(new URL(url).pathname, self.location.origin).href;

async function page(request, event) {
  let answer;
  try {
    answer = await fetch(request);
  } catch {
    const cache = await caches.open(PAGES);
    return (await cache.match(nameOf(request.url))) || (await cache.match(nameOf(new URL(HOME, self.location.origin).href))) || Response.error();
  }
  const seat = answer.headers.get("Offline-Counter");
  if (seat === "none" || answer.status === 401 || answer.status === 403) await caches.delete(PAGES);
  else if (seat && answer.status === 200 && !answer.redirected && !new URL(request.url).searchParams.has("q")) {
    // The page does not wait until it is kept.
    event.waitUntil(keep(request.url, seat, answer.clone()).catch(() => {}));
  }
  return answer;
}

async function keep(url, seat, answer) {
  const cache = await caches.open(PAGES);
  const kept = await cache.keys();
  const first = kept.length ? await cache.match(kept[0]) : null;
  // Another cashier's pages are not this one's.
  if (first && first.headers.get("Offline-Counter") !== seat) for (const old of kept) await cache.delete(old);
  await cache.delete(nameOf(url));
  await cache.put(nameOf(url), answer);
  // The first page and the guests' form are there without a connection, whatever was opened first.
  for (const each of [HOME, HOME + "guest"]) {
    const name = nameOf(new URL(each, self.location.origin).href);
    if (await cache.match(name)) continue;
    const basic = await fetch(name, { credentials: "same-origin" });
    if (basic.status === 200 && basic.headers.get("Offline-Counter") === seat) await cache.put(name, basic);
  }
  const members = (await cache.keys()).filter((each) => each.url.includes("/members/"));
  for (const old of members.slice(0, Math.max(0, members.length - KEPT_MAX))) await cache.delete(old);
}

async function part(request) {
  try {
    const answer = await fetch(request);
    if (answer.ok) {
      const cache = await caches.open(FRAME);
      await cache.put(request, answer.clone());
    }
    return answer;
  } catch {
    return (await caches.match(request, { ignoreVary: true })) || Response.error();
  }
}
