// The member's pages: the card that works without a net, and a screen that stays awake at the till.
"use strict";

(() => {
  // -- The service worker keeps one page: this member's card. Its address and reach are on the manifest's link. ---------
  const worker = document.querySelector("meta[name=service-worker]");
  if ("serviceWorker" in navigator && worker) {
    navigator.serviceWorker.register(worker.content, { scope: worker.dataset.scope }).catch(() => {});
  }

  // Signing out must leave nothing of the member on the device, whether the worker runs or not.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-sign-out]") || !("caches" in window)) return;
    caches.keys().then((names) => names.filter((name) => name.startsWith("card ")).forEach((name) => caches.delete(name)));
  });

  // -- Offline banner -------------------------------------------------------------------------------------------------------
  const banner = document.getElementById("offline");
  const showNet = () => banner && (banner.hidden = navigator.onLine);
  window.addEventListener("online", showNet);
  window.addEventListener("offline", showNet);
  showNet();

  // -- Wake lock: the screen does not go dark while the cashier looks for the scanner ---------------------------------------
  if (document.querySelector("[data-wake]") && "wakeLock" in navigator) {
    const hold = async () => {
      if (document.visibilityState !== "visible") return;
      try {
        await navigator.wakeLock.request("screen");
      } catch {
        // Low battery or no permission: the code is there, only the screen may dim.
      }
    };
    document.addEventListener("visibilitychange", hold);
    hold();
  }
})();
