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

  // -- The code that moves: an hour of them came with the page, each drawn in its minute, with or without a net -------------
  const plate = document.querySelector("[data-live-codes]");
  if (plate) {
    const codes = JSON.parse(plate.dataset.liveCodes);
    const [paper, ink] = plate.querySelectorAll("svg.code--qr path");
    let drawn = codes[0][0];
    const draw = ([at, side, packed]) => {
      const bits = atob(packed);
      const isDark = (index) => bits.charCodeAt(index >> 3) & (128 >> (index & 7));
      let path = "";
      for (let row = 0; row < side; row++)
        for (let column = 0; column < side; column++)
          if (isDark(row * side + column)) path += "M" + (column + 4) + " " + (row + 4) + "h1v1h-1z";
      paper.ownerSVGElement.setAttribute("viewBox", "0 0 " + (side + 8) + " " + (side + 8));
      paper.setAttribute("d", "M0 0h" + (side + 8) + "v" + (side + 8) + "H0z");
      ink.setAttribute("d", path);
      drawn = at;
    };
    const move = () => {
      const minute = Math.floor(Date.now() / 60000) * 60;
      const current = codes.find(([at]) => at === minute);
      const isOver = !current;
      plate.querySelector("[data-live-over]").hidden = !isOver;
      plate.querySelector("[data-live-fresh]").hidden = isOver;
      paper.ownerSVGElement.classList.toggle("code--over", isOver);
      if (current && drawn !== minute) draw(current);
      // Before they run out, or after: a page from the net brings the next hour.
      const isShort = minute >= codes[codes.length - 10][0];
      if (isShort && navigator.onLine && document.visibilityState === "visible" && minute !== move.asked) {
        move.asked = minute;
        if (sessionStorage.getItem("card asked") !== String(minute)) {
          sessionStorage.setItem("card asked", String(minute));
          location.reload();
        }
      }
    };
    setInterval(move, 1000);
    document.addEventListener("visibilitychange", move);
    move();
  }

  // -- After a sale the open page says so: asked every few seconds while somebody looks, seldom after five minutes ----------
  const news = document.getElementById("news");
  if (news) {
    const opened = Date.now();
    const ask = async () => {
      if (document.visibilityState === "visible" && navigator.onLine) {
        try {
          const answer = await fetch(news.dataset.news + "?seq=" + news.dataset.seq, { redirect: "error" });
          if (answer.status === 200) await tell(await answer.text());
          else if (answer.status !== 204) return;
        } catch {
          // No net, or signed out: the page stays as it is.
        }
      }
      setTimeout(ask, Date.now() - opened < 300000 ? 5000 : 30000);
    };
    const parsed = (html) => new DOMParser().parseFromString(html, "text/html");
    const tell = async (html) => {
      const part = parsed(html).querySelector("[data-seq]");
      if (!part) return;
      news.dataset.seq = part.dataset.seq;
      const balance = part.querySelector("[data-balance]");
      for (const place of document.querySelectorAll("[data-balance]")) place.textContent = balance.textContent;
      balance.remove();
      if (part.childElementCount) news.replaceChildren(...part.childNodes);
      const old = document.getElementById("now");
      if (!old || old.contains(document.activeElement)) return;
      const page = await fetch(location.pathname, { redirect: "error" });
      const now = page.ok && parsed(await page.text()).getElementById("now");
      if (now) old.replaceWith(now);
    };
    setTimeout(ask, 5000);
  }

  // -- The time a code is still good: counted down beside the words that say until when --------------------------------------
  const countdown = () => {
    for (const timer of document.querySelectorAll("[data-until]")) {
      const left = Math.max(0, Math.floor((new Date(timer.dataset.until) - Date.now()) / 1000));
      const hours = Math.floor(left / 3600);
      if (hours < 48) {
        const two = (number) => String(number).padStart(2, "0");
        timer.dataset.words ??= timer.textContent;
        const clock = (hours ? hours + ":" + two(Math.floor(left / 60) % 60) : Math.floor(left / 60)) + ":" + two(left % 60);
        timer.textContent = timer.dataset.words + " · " + clock;
      }
    }
  };
  if (document.querySelector("[data-until]")) setInterval(countdown, 1000), countdown();
})();
