// Small enhancements shared by every page. Each works on what the server drew; without this file all of it still works.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const text = (name) => document.body.dataset[`text${name}`] || "";
  const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

  // -- Toast: a passing word, announced politely ---------------------------------------------------------------------
  function toast(message) {
    const place = document.getElementById("toasts");
    if (!place || !message) return;
    const box = document.createElement("div");
    box.className = "toast";
    box.append(message);
    const close = document.createElement("button");
    close.type = "button";
    close.className = "toast__close";
    close.setAttribute("aria-label", text("Close"));
    close.textContent = "✕";
    close.addEventListener("click", () => box.remove());
    box.append(close);
    place.replaceChildren(box);
    // Time to read: it stays while the pointer or the keyboard is on it.
    const leave = () => (box.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : box.remove());
    setTimeout(leave, 4000 + message.length * 60);
  }
  window.loyaltyToast = toast;

  // -- Undo: what was done stays until it is closed; Escape closes it while the keyboard is on it ------------------------
  function closeUndo(undo) {
    if (!undo) return;
    const had = undo.contains(document.activeElement);
    undo.remove();
    if (had) document.getElementById("main")?.focus();
  }
  document.addEventListener("click", (event) => closeUndo(closest(event, "[data-undo-close]")?.closest("[data-undo]")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeUndo(closest(event, "[data-undo]"));
  });

  // -- Light, dark, as the device ------------------------------------------------------------------------------------
  function applyScheme(scheme) {
    if (root.hasAttribute("data-theme-fixed")) return;
    if (scheme === "light" || scheme === "dark") root.dataset.theme = scheme;
    else delete root.dataset.theme;
    for (const button of document.querySelectorAll("[data-scheme] [name=scheme]")) {
      button.toggleAttribute("aria-current", button.value === scheme);
      if (button.value === scheme) button.setAttribute("aria-current", "true");
    }
    document.dispatchEvent(new CustomEvent("schemechange"));
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-scheme]") || !event.submitter) return;
    event.preventDefault();
    const scheme = event.submitter.value;
    const life = scheme === "system" ? 0 : 31536000;
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${scheme}; path=/; max-age=${life}; samesite=lax${secure}`;
    applyScheme(scheme);
  });

  // A page that came from the cache may carry yesterday's choice.
  const chosen = /(?:^|; )theme=(light|dark)/.exec(document.cookie);
  if ((chosen ? chosen[1] : undefined) !== root.dataset.theme) applyScheme(chosen ? chosen[1] : "system");

  // -- Menus: one at a time; Escape and a click elsewhere close ---------------------------------------------------------
  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (menu !== except && !menu.contains(except)) menu.open = false;
    }
  }
  document.addEventListener("click", (event) => closeMenus(closest(event, "details[data-menu]")));
  document.addEventListener("focusin", (event) => {
    if (document.querySelector("details[data-menu][open]")) closeMenus(closest(event, "details[data-menu]"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-menu][open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // -- Dialogs: the same <dialog> the link's #id would open, made modal -----------------------------------------------
  function openDialog(dialog) {
    if (!dialog || typeof dialog.showModal !== "function" || dialog.open) return;
    dialog.showModal();
    const first = dialog.querySelector("[autofocus], input:not([type=hidden]), select, textarea");
    if (first) first.focus();
  }
  function openFromHash() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!(target instanceof HTMLDialogElement)) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    openDialog(target);
  }
  document.addEventListener("click", (event) => {
    const opener = closest(event, "[data-dialog]");
    if (opener) {
      event.preventDefault();
      openDialog(document.getElementById(opener.dataset.dialog));
      return;
    }
    const dialog = closest(event, "dialog");
    if (!dialog) return;
    // A click on the dialog itself, outside its body, is a click on the backdrop.
    if (event.target === dialog || closest(event, "[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  window.addEventListener("hashchange", openFromHash);
  openFromHash();

  // -- Keys: Ctrl K (or ⌘ K) finds; arrows walk what was found ---------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      const opener = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
      if (!opener) return;
      event.preventDefault();
      opener.click();
      return;
    }
    const palette = closest(event, "#find");
    if (!palette || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    const stops = [palette.querySelector("input"), ...palette.querySelectorAll(".hit")];
    const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  // -- The console's drawer ----------------------------------------------------------------------------------------------
  const drawer = document.getElementById("nav");
  function setDrawer(open) {
    if (!drawer) return;
    drawer.classList.toggle("is-open", open);
    document.querySelector("[data-drawer-open]")?.setAttribute("aria-expanded", String(open));
    for (const part of document.querySelectorAll(".console__page, .console-bar")) part.inert = open;
    if (open) drawer.querySelector("a, button, summary")?.focus();
    else if (document.activeElement === document.body) document.querySelector("[data-drawer-open]")?.focus();
  }
  document.addEventListener("click", (event) => {
    if (closest(event, "[data-drawer-open]")) {
      event.preventDefault();
      setDrawer(true);
    } else if (closest(event, "[data-drawer-close]")) {
      event.preventDefault();
      setDrawer(false);
      document.querySelector("[data-drawer-open]")?.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drawer?.classList.contains("is-open")) setDrawer(false);
  });

  // -- Copy and share -------------------------------------------------------------------------------------------------------
  async function copy(value) {
    try {
      await navigator.clipboard.writeText(value);
      toast(text("Copied"));
    } catch {
      window.prompt("", value);
    }
  }
  document.addEventListener("click", async (event) => {
    if (closest(event, "[data-print]")) window.print();
    const copier = closest(event, "[data-copy]");
    if (copier) {
      const source = copier.dataset.copy.startsWith("#") && document.querySelector(copier.dataset.copy);
      await copy(source ? (source.value ?? source.textContent).trim() : copier.dataset.copy);
      return;
    }
    const sharer = closest(event, "[data-share]");
    if (!sharer) return;
    const url = new URL(sharer.dataset.share, location.href).href;
    if (!navigator.share) {
      await copy(url);
      return;
    }
    try {
      await navigator.share({ url, title: sharer.dataset.shareTitle || document.title });
    } catch (error) {
      if (error.name !== "AbortError") await copy(url);
    }
  });

  // -- Forms: a second tap is not a second order ------------------------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.hasAttribute("hx-post")) return; // htmx guards its own requests
    form.dataset.sent = "1";
    if (event.submitter?.classList.contains("button")) event.submitter.setAttribute("aria-busy", "true");
  });
  // Signing out of the console leaves none of the counter's pages on the device.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-sign-out]") || !("caches" in window)) return;
    caches.keys().then((names) => names.filter((name) => name.startsWith("counter pages ")).forEach((name) => caches.delete(name)));
  });
  // Coming back by the back button finds the page as it was left.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll(".button[aria-busy]")) button.removeAttribute("aria-busy");
  });
  document.querySelector("[data-focus]")?.focus();

  // -- Page transitions: one that is cut short (an answer that is no new page) is no error -----------------------------
  for (const name of ["pageswap", "pagereveal"]) {
    window.addEventListener(name, (event) => {
      if (!event.viewTransition) return;
      event.viewTransition.ready.catch(() => {});
      event.viewTransition.finished.catch(() => {});
    });
  }

  // -- Tabs that do not fit: the current one is in view -----------------------------------------------------------------
  for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
    const strip = tab.closest(".tabs");
    strip.scrollLeft = tab.offsetLeft - strip.offsetLeft - (strip.clientWidth - tab.offsetWidth) / 2;
  }

  // -- Steppers: one more, one less, within what the field takes --------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = closest(event, "[data-step]");
    const field = button?.closest(".stepper").querySelector("input");
    if (!field) return;
    const wished = (Number(field.value) || 0) + Number(button.dataset.step);
    const value = Math.max(0, field.max ? Math.min(wished, Number(field.max)) : wished);
    field.value = value ? String(value) : "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // -- htmx: every failure says what happened ---------------------------------------------------------------------------------
  document.addEventListener("htmx:sendError", () => toast(text("Failed")));
  document.addEventListener("htmx:timeout", () => toast(text("Failed")));
  document.addEventListener("htmx:responseError", (event) =>
    toast(text(event.detail.xhr.status === 429 ? "Slow" : "Failed")),
  );
  // A view may answer with the header HX-Trigger: {"toast": "Saved"}.
  document.addEventListener("toast", (event) => toast(event.detail.value || event.detail));

  // -- What asks again by itself rests while nobody looks ---------------------------------------------------------------
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target instanceof Element && event.target.matches("[data-while-visible]")) event.preventDefault();
  });
})();
