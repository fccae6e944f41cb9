// The counter: digits and goods by keys, the camera, forms that wait for the connection, members chosen with the arrow keys.
"use strict";

(() => {
  // -- Amounts: digits are grouped while typing, and only digits -------------------------------------------------------
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || !field.dataset.group || event.isComposing) return;
    const sign = field.dataset.group;
    const digits = field.value.split(sign).join("");
    if (!/^[0-9]+$/.test(digits) || (event.inputType === "insertText" && event.data === sign)) return;
    const behind = field.value.slice(field.selectionStart ?? field.value.length).split(sign).join("").length;
    field.value = digits.replace(/\B(?=([0-9]{3})+$)/g, sign);
    let at = field.value.length;
    for (let left = behind; left > 0 && at > 0; at -= 1) if (field.value[at - 1] !== sign) left -= 1;
    // Before the sign, so that the next backspace takes a digit; behind it where one deletes forwards.
    if (event.inputType !== "deleteContentForward" && field.value[at - 1] === sign) at -= 1;
    field.setSelectionRange(at, at);
  });

  // -- Keys: digits, and goods that take the amount typed as a line of their own ---------------------------------------------
  const main = document.getElementById("main");
  const sale = document.querySelector("form[data-sale]");
  const amount = sale?.querySelector("[name=amount]");

  // A thumb types on the page's own keys; a keyboard that is plugged in goes on working.
  if (amount && matchMedia("(pointer: coarse)").matches) amount.inputMode = "none";

  function typed(field, value) {
    field.value = value;
    field.setSelectionRange(value.length, value.length);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("click", (event) => {
    const key = event.target.closest("[data-digit]");
    if (!key || !amount) return;
    const sign = key.dataset.digit;
    typed(amount, sign === "back" ? amount.value.slice(0, -1) : amount.value + sign);
  });

  // The amount in minor units, NaN where the server has to say what is wrong with it.
  function minorOf(text) {
    const plain = text.trim().replace(/,(?=[0-9]{3})/g, "");
    const exponent = Number(sale.dataset.exponent);
    const read = /^([0-9]{1,12})(?:\.([0-9]+))?$/.exec(plain);
    if (!read || (read[2] || "").length > exponent) return NaN;
    return Number(read[1] + (read[2] || "").padEnd(exponent, "0"));
  }

  function money(minor) {
    const { currency, language } = main.dataset;
    const digits = Number(sale.dataset.exponent);
    const shown = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
    const isWhole = minor % 10 ** digits === 0 && currency === "TWD";
    return new Intl.NumberFormat(language, { ...shown, minimumFractionDigits: isWhole ? 0 : digits }).format(minor / 10 ** digits);
  }

  function lineOf(item) {
    return JSON.parse(item.querySelector("[name=line]").value);
  }

  function write(item, [field, name, minor, count], label) {
    item.querySelector("[name=line]").value = JSON.stringify([field, name, minor, count]);
    item.querySelector("[data-amount]").textContent = money(minor);
    for (const place of item.querySelectorAll("[data-count]")) place.textContent = String(count);
    if (label) for (const place of item.querySelectorAll("[data-name]")) place.textContent = label;
  }

  function total() {
    const lines = [...sale.querySelectorAll("[data-lines] [name=line]")].map((line) => JSON.parse(line.value)[2]);
    const rest = amount.value.trim() ? minorOf(amount.value) : 0;
    return lines.reduce((sum, minor) => sum + minor, rest);
  }

  function sumUp() {
    const row = sale.querySelector("[data-sum-row]");
    row.hidden = !sale.querySelector("[data-lines] li");
    const sum = total();
    if (!row.hidden && Number.isFinite(sum)) row.querySelector("[data-sum]").textContent = money(sum);
  }

  function changed() {
    sumUp();
    sale.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function tap(key) {
    const minor = minorOf(amount.value);
    if (!(minor > 0)) return false;
    const [field, name] = JSON.parse(key.value);
    const list = sale.querySelector("[data-lines]");
    const known = [...list.children].find((item) => lineOf(item)[0] === field && lineOf(item)[1] === name);
    if (known) {
      const [, , before, count] = lineOf(known);
      write(known, [field, name, before + minor, count + 1]);
    } else {
      const item = sale.querySelector("[data-line-text]").content.cloneNode(true);
      list.append(item);
      write(list.lastElementChild, [field, name, minor, 1], key.dataset.label);
    }
    amount.value = "";
    changed();
    amount.focus();
    return true;
  }

  if (sale) {
    sale.addEventListener("click", (event) => {
      const key = event.target.closest("button[name=tap]");
      if (key && tap(key)) event.preventDefault();
      const line = event.target.closest("[data-lines] li");
      if (line && event.target.closest("[data-more]")) {
        const [field, name, minor, count] = lineOf(line);
        write(line, [field, name, minor, count + 1]);
        changed();
        event.preventDefault();
      } else if (line && event.target.closest("[data-drop]")) {
        line.remove();
        changed();
        amount.focus();
        event.preventDefault();
      }
    });
    sale.addEventListener("input", (event) => event.target === amount && sumUp());
  }
  window.loyaltyCounter = { sale, amount, total, money };

  // -- Forms without a connection: nothing is sent, and nothing typed is lost. Sales are kept by counter_kept.js. -----------
  async function send(form, submitter) {
    if (form.dataset.asking) return;
    form.dataset.asking = "1";
    const keeper = form.closest("[data-keep]");
    try {
      const answer = await fetch(keeper.dataset.keep, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(String(answer.status));
      form.dataset.reached = "1";
      form.requestSubmit(submitter);
    } catch {
      window.loyaltyToast(keeper.dataset.textKept);
    } finally {
      delete form.dataset.asking;
      delete form.dataset.reached;
    }
  }

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (event.defaultPrevented || !form.closest("[data-keep]") || form.method !== "post" || form.dataset.reached) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      send(form, event.submitter);
    },
    true,
  );

  // -- The camera: reads what is on the card, where the browser can ---------------------------------------------------------
  const scan = document.querySelector("[data-scan]");
  if (scan) {
    const canScan = "BarcodeDetector" in window && Boolean(navigator.mediaDevices?.getUserMedia);
    scan.hidden = !canScan;
    document.querySelector("[data-no-scan]").hidden = canScan;
    const sheet = document.getElementById("scan");
    const view = sheet.querySelector("[data-scan-view]");
    const said = sheet.querySelector("[data-scan-said]");
    let stream = null;

    const stop = () => {
      for (const track of stream?.getTracks() || []) track.stop();
      stream = null;
      view.srcObject = null;
    };
    const look = async (detector) => {
      if (!stream) return;
      try {
        const [found] = await detector.detect(view);
        if (found && stream) {
          stop();
          sheet.close();
          const field = document.getElementById("q");
          field.value = found.rawValue;
          field.form.requestSubmit();
          return;
        }
      } catch {
        // A frame that is not there yet: the next one is.
      }
      setTimeout(() => look(detector), 150);
    };
    scan.addEventListener("click", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      sheet.showModal();
      said.textContent = said.dataset.textLooking;
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      } catch {
        said.textContent = said.dataset.textRefused;
        return;
      }
      if (!sheet.open) return stop();
      view.srcObject = stream;
      await view.play();
      look(new window.BarcodeDetector());
    });
    sheet.addEventListener("close", stop);
  }

  // -- Members found while typing: arrows choose, Enter opens, Escape goes back and then empties -------------------------
  document.addEventListener("keydown", (event) => {
    const search = document.querySelector("input[data-found]");
    if (!search || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const links = [...document.querySelectorAll(`${search.dataset.found} li a`)];
    const at = links.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== search) return;
    if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at >= 0) (links[at - 1] || search).focus();
    else if (event.key === "Escape" && at >= 0) search.focus();
    else if (event.key === "Escape" && search.value) {
      search.value = "";
      search.dispatchEvent(new Event("input", { bubbles: true }));
    } else return;
    event.preventDefault();
  });
})();
