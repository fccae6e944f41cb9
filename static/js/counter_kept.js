// Sales that wait on this device: each is kept before it is sent, sent until an answer comes, and recorded once by its id.
"use strict";

(() => {
  const main = document.getElementById("main");
  const { shop, seat, seatName, keptUrl, language, zone } = main.dataset;
  const text = (name) => main.dataset[`text${name}`] || "";
  const counted = (one, many, n) => (n === 1 ? one : many).replace("{n}", String(n));

  // -- The worker shows the pages of this counter without a connection ------------------------------------------------------
  const worker = document.querySelector("meta[name=service-worker]");
  if ("serviceWorker" in navigator && worker) {
    const had = navigator.serviceWorker.controller;
    navigator.serviceWorker.register(worker.content, { scope: worker.dataset.scope }).catch(() => {});
    navigator.serviceWorker.ready.then((ready) => {
      const parts = [...document.querySelectorAll("script[src], link[rel=stylesheet], link[rel=icon]")].map((it) => it.src || it.href);
      ready.active?.postMessage({ parts, page: had ? null : location.href });
    });
  }

  // -- What is kept: sales in the order they were made, and who was opened here ---------------------------------------------
  const open = new Promise((resolve) => {
    if (!("indexedDB" in window)) return resolve(null);
    const asked = indexedDB.open(`counter ${shop}`, 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("sales", { keyPath: "id" });
      asked.result.createObjectStore("known", { keyPath: "id" });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => resolve(null);
  });

  async function inStore(name, mode, act) {
    const base = await open;
    if (!base) return undefined;
    return new Promise((resolve, reject) => {
      const done = base.transaction(name, mode);
      const asked = act(done.objectStore(name));
      done.oncomplete = () => resolve(asked?.result);
      done.onerror = () => reject(done.error);
      done.onabort = () => reject(done.error);
    });
  }

  const put = (entry) => inStore("sales", "readwrite", (store) => store.put(entry));
  const get = (id) => inStore("sales", "readonly", (store) => store.get(id));
  const drop = (id) => inStore("sales", "readwrite", (store) => store.delete(id));
  async function all() {
    const kept = (await inStore("sales", "readonly", (store) => store.getAll())) || [];
    return kept.sort((one, other) => one.at.localeCompare(other.at));
  }

  // The same alphabet as the server's: 16 signs, and nobody makes the same twice.
  function mint() {
    const signs = "0123456789abcdefghijklmnopqrstuvwxyz";
    let id = "";
    while (id.length < 16) {
      for (const byte of crypto.getRandomValues(new Uint8Array(32))) if (byte < 252 && id.length < 16) id += signs[byte % 36];
    }
    return `pur_${id}`;
  }

  // -- Sending --------------------------------------------------------------------------------------------------------------
  const PATIENCE_MS = 8000;
  const RETRY_MS = 10000;
  const token = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
  let isOffline = !navigator.onLine;

  // What came of it: {state: recorded | asks | refused, …}, {state: "signed_out"}, or null when no answer came.
  async function send(entry) {
    const body = new FormData();
    for (const [name, value] of entry.fields) body.append(name, value);
    body.set("sent_at", new Date().toISOString());
    try {
      const answer = await fetch(keptUrl, {
        method: "POST",
        body,
        headers: { "X-CSRFToken": token() },
        redirect: "manual",
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 401) return { state: "signed_out" };
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  // A sale that is being sent by an open page is left to it, unless that page is gone.
  const isDue = (entry) => entry.state === "waits" || (entry.state === "sending" && Date.now() - entry.since > 3 * PATIENCE_MS);

  let isSending = false;
  async function sendAll() {
    if (isSending) return;
    isSending = true;
    let sent = 0;
    try {
      for (const entry of await all()) {
        if (!isDue(entry)) continue;
        const came = await send(entry);
        isOffline = came === null;
        if (came === null) break;
        if (came.state === "signed_out") {
          window.loyaltyToast(text("SignedOut"));
          break;
        }
        // Somebody may have removed it meanwhile.
        if (!(await get(entry.id))) continue;
        if (came.state === "recorded") {
          await drop(entry.id);
          sent += 1;
        } else await put({ ...entry, state: came.state, said: came.said, total: came.total });
      }
    } finally {
      isSending = false;
    }
    if (sent) window.loyaltyToast(counted(text("SentOne"), text("SentMany"), sent));
    await draw();
  }

  // -- Recording: kept first, then sent -------------------------------------------------------------------------------------
  const { sale, amount, total, money } = window.loyaltyCounter;

  // A page that the worker kept may be opened again: its id was another sale's.
  if (sale && !sale.querySelector(".field__error, .alert")) sale.querySelector("[name=minted]").value = mint();

  function fieldsOf(form, submitter) {
    const fields = [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");
    if (submitter?.name) fields.push([submitter.name, submitter.value]);
    const more = { member: form.dataset.member, place: form.dataset.place, occurred_at: new Date().toISOString() };
    return [...fields, ...Object.entries(more)];
  }

  function begin(form) {
    form.querySelector("[name=minted]").value = mint();
    form.querySelector("[data-lines]").replaceChildren();
    for (const name of ["amount", "receipt", "card"]) {
      const field = form.querySelector(`[name=${name}]`);
      if (field) field.value = "";
    }
    form.querySelector("#preview")?.replaceChildren();
    form.querySelector("[data-sum-row]").hidden = true;
  }

  async function record(form, submitter) {
    const minor = total();
    const fields = fieldsOf(form, submitter);
    const at = fields.find(([name]) => name === "occurred_at")[1];
    const id = form.querySelector("[name=minted]").value;
    const who = form.dataset.who || form.querySelector("[name=card]")?.value || "";
    const entry = { id, at, who, by: seatName, amount: money(minor), fields, state: "sending", since: Date.now(), said: "" };
    await put(entry);
    const came = await send(entry);
    if (came?.state === "recorded") {
      await drop(id);
      location.assign(came.url);
      return;
    }
    if (came && came.state !== "signed_out") {
      // The page says what is wrong, with what was typed still in it.
      await drop(id);
      form.dataset.reached = "1";
      form.requestSubmit(submitter);
      return;
    }
    isOffline = came === null;
    await put({ ...entry, state: "waits" });
    const place = form.querySelector("[data-kept]");
    place.replaceChildren(form.querySelector("[data-kept-text]").content.cloneNode(true));
    begin(form);
    await draw();
    place.querySelector("a")?.focus();
    place.scrollIntoView({ block: "nearest" });
  }

  // Points are spent while somebody can say whether they are there: only such a sale is not kept.
  const isKept = (form) => form.matches("[data-record]") && !form.querySelector("[name=points]")?.value.trim();

  // Listens before counter.js: this file comes later, so on the window, which hears first.
  window.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      const submitter = event.submitter;
      if (!form.matches?.("[data-sale]") || form.dataset.reached || form.dataset.recording) {
        if (form.dataset?.recording) event.preventDefault();
        return;
      }
      if (!isKept(form) || (submitter?.name && submitter.name !== "confirmed")) return;
      // What cannot be read as an amount is the server's to explain, while it can be reached.
      if (!(total() > 0) && !isOffline) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!(total() > 0)) return amount.focus();
      form.dataset.recording = "1";
      open
        .then((base) => (base ? record(form, submitter) : Promise.reject(new Error("no store"))))
        .catch(() => {
          // A browser that keeps nothing: sent as it always was.
          form.dataset.reached = "1";
          form.requestSubmit(submitter);
        })
        .finally(() => {
          delete form.dataset.recording;
          delete form.dataset.reached;
        });
    },
    true,
  );

  // -- What waits, on the first page ----------------------------------------------------------------------------------------
  const list = document.querySelector("[data-waiting]");
  let removing = null;

  function row(entry) {
    const item = list.querySelector("[data-waiting-row]").content.firstElementChild.cloneNode(true);
    const clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit", timeZone: zone });
    const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: zone });
    const at = new Date(entry.at);
    const isToday = day.format(at) === day.format(new Date());
    item.dataset.id = entry.id;
    item.querySelector("[data-at]").textContent = isToday ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`;
    item.querySelector("[data-who]").textContent = entry.who || text("Guest");
    item.querySelector("[data-amount]").textContent = entry.amount;
    const states = { asks: text("Asks"), refused: text("Refused") };
    item.querySelector("[data-state]").textContent = states[entry.state] || text("Waits");
    const said = item.querySelector("[data-said]");
    said.textContent = entry.said;
    said.hidden = !entry.said;
    const by = item.querySelector("[data-by]");
    by.textContent = entry.by;
    by.hidden = entry.by === seatName;
    const isStuck = entry.state in states;
    item.querySelector("[data-acts]").hidden = !isStuck;
    item.querySelector("[data-act=confirm]").hidden = entry.state !== "asks";
    item.querySelector("[data-act=again]").hidden = entry.state !== "refused";
    const names = Object.fromEntries(entry.fields);
    item.querySelector("[data-act=guest]").hidden = entry.state !== "refused" || !(names.member || names.card);
    return item;
  }

  async function draw() {
    const kept = await all();
    const net = document.querySelector("[data-net]");
    if (net) {
      const waits = kept.length ? counted(net.dataset.textWaitOne, net.dataset.textWaitMany, kept.length) : "";
      const said = [isOffline ? net.dataset.textOffline : "", waits].filter(Boolean).join(", ");
      const place = net.querySelector("[data-net-text]");
      place.textContent = said || net.dataset.textOnline;
      place.classList.toggle("sr-only", !said);
      net.classList.toggle("is-waiting", Boolean(said));
    }
    const banner = document.querySelector("[data-offline]");
    if (banner) banner.hidden = !isOffline;
    const card = document.querySelector("[data-card-field]");
    if (card) card.hidden = !isOffline && !card.querySelector("input").value;
    if (list) {
      list.hidden = !kept.length;
      list.querySelector("[data-waiting-rows]").replaceChildren(...kept.map(row));
    }
    await drawKnown();
    return kept;
  }

  async function act(name, id) {
    const entry = await get(id);
    if (!entry) return draw();
    const without = (names) => entry.fields.filter(([field]) => !names.includes(field));
    if (name === "remove") {
      removing = id;
      document.getElementById("remove-kept").showModal();
      return undefined;
    }
    if (name === "confirm") entry.fields = [...without(["confirmed"]), ["confirmed", String(entry.total)]];
    if (name === "guest") {
      entry.fields = without(["member", "card"]);
      entry.who = "";
    }
    await put({ ...entry, state: "waits", said: "" });
    return sendAll();
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.act) await act(button.dataset.act, button.closest("[data-id]").dataset.id);
    else if (button.id === "send-kept") await sendAll();
    else if (button.id === "remove-kept-now") {
      document.getElementById("remove-kept").close();
      await drop(removing);
      await draw();
    } else if (button.id === "leave-anyway") {
      const form = document.querySelector("[data-leave]");
      form.dataset.sure = "1";
      form.requestSubmit();
    }
  });

  // -- Signing off with sales that wait asks first, and leaves nothing of members behind ------------------------------------
  window.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!form.matches?.("[data-leave]")) return;
      if (form.dataset.sure) {
        inStore("known", "readwrite", (store) => store.clear());
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      all().then((kept) => {
        if (kept.length) return document.getElementById("leave-waiting").showModal();
        form.dataset.sure = "1";
        return form.requestSubmit();
      });
    },
    true,
  );

  // -- Who was opened here: found again without a connection ----------------------------------------------------------------
  const KNOWN_MAX = 30;
  async function note() {
    if (!sale?.dataset.member || isOffline) return;
    const { member, who, code } = sale.dataset;
    await inStore("known", "readwrite", (store) => store.put({ id: member, who, code, seat, url: location.pathname, at: Date.now() }));
    const known = ((await inStore("known", "readonly", (store) => store.getAll())) || []).sort((one, other) => other.at - one.at);
    for (const old of known.slice(KNOWN_MAX)) await inStore("known", "readwrite", (store) => store.delete(old.id));
  }

  const knownPlace = document.querySelector("[data-known]");
  async function drawKnown() {
    if (!knownPlace) return;
    knownPlace.hidden = !isOffline;
    if (!isOffline) return;
    const field = document.getElementById("q");
    const typed = field.value.trim().toLowerCase();
    const plain = typed.replace(/[^\p{L}\p{N}]/gu, "");
    const known = ((await inStore("known", "readonly", (store) => store.getAll())) || []).sort((one, other) => other.at - one.at);
    // Those of a colleague were opened by somebody else.
    const mine = known.filter((each) => each.seat === seat);
    const found = mine.filter(({ who, code }) => `${who} ${code}`.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "").includes(plain));
    knownPlace.querySelector("[data-known-rows]").replaceChildren(
      ...found.slice(0, 6).map(({ who, url }) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.className = "counter-row";
        link.href = url;
        link.textContent = who;
        item.append(link);
        return item;
      }),
    );
    const card = knownPlace.querySelector("[data-known-card]");
    card.search = typed ? `?card=${encodeURIComponent(field.value.trim())}` : "";
  }

  const card = document.querySelector("[data-card-field] input");
  const shown = new URLSearchParams(location.search);
  if (card && shown.get("card")) card.value = shown.get("card").slice(0, 100);
  const search = document.getElementById("q");
  if (search && shown.get("q") && !search.value) search.value = shown.get("q").slice(0, 100);
  search?.addEventListener("input", drawKnown);

  // -- Is there a connection? -----------------------------------------------------------------------------------------------
  async function look() {
    try {
      const answer = await fetch(main.dataset.keep, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      isOffline = !answer.ok;
    } catch {
      isOffline = true;
    }
    const kept = await draw();
    if (!isOffline && kept.some(isDue)) await sendAll();
  }
  window.addEventListener("online", look);
  window.addEventListener("offline", look);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
  setInterval(async () => {
    if (isOffline || (await all()).some(isDue)) await look();
  }, RETRY_MS);
  look().then(note);
})();
