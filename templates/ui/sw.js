{% load static ui %}// The portal's service worker: network first for everything; the member's own card and what it needs to be drawn are
// kept for when there is no net. It keeps no answer to a POST and no other page, and one member's card at a time.
"use strict";

const CARD = "card " + self.registration.scope;
const FRAME = "frame 1 " + self.registration.scope;
const OFFLINE = "{{ offline_url|escapejs }}";
const KEPT = ["{% static "css/tokens.css" %}", "{% static "css/base.css" %}", "{% static "css/components.css" %}", "{% static "css/portal.css" %}", "{% static "js/ui.js" %}", "{% static "js/portal.js" %}", "{% static "icons.svg" %}"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(FRAME).then((cache) => cache.addAll([OFFLINE, ...KEPT])).then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const mine = (name) => name.endsWith(" " + self.registration.scope);
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => mine(name) && name !== CARD && name !== FRAME).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (new URL(request.url).origin !== self.location.origin || request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (["style", "script", "image"].includes(request.destination)) event.respondWith(part(request));
});

// A page: from the net; without one, the kept card if this is its address, else the page that says so.
async function page(request) {
  let answer;
  try {
    answer = await fetch(request);
  } catch {
    const cache = await caches.open(CARD);
    // The first page too: the card says what the balance was, and when.
    const isHome = new URL(request.url).pathname === new URL(self.registration.scope).pathname;
    const kept = (await cache.match(request.url)) || (isHome && (await cache.matchAll())[0]);
    return kept || (await caches.match(OFFLINE)) || Response.error();
  }
  const member = answer.headers.get("Offline-Card");
  // Signed out, or no longer allowed in: nothing of the member stays.
  if (member === "none" || answer.status === 401 || answer.status === 403) await caches.delete(CARD);
  else if (member && answer.status === 200 && !answer.redirected) {
    await caches.delete(CARD);
    const cache = await caches.open(CARD);
    await cache.put(request.url, answer.clone());
  }
  return answer;
}

// Style, script, drawing: from the net; without one, what the card needs. The merchant's colours come along.
async function part(request) {
  try {
    const answer = await fetch(request);
    if (answer.ok && new URL(request.url).pathname.startsWith("/theme/")) {
      const cache = await caches.open(FRAME);
      await cache.put(request, answer.clone());
    }
    return answer;
  } catch {
    return (await caches.match(request, { ignoreVary: true })) || Response.error();
  }
}
