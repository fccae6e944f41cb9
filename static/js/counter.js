// The counter: amounts grouped while typing, a sale kept without a connection, members chosen with the arrow keys.
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

  // -- Forms without a connection: nothing is sent and nothing typed is lost; a sale is sent once when it is back -----------
  const RETRY_MS = 5000;
  let kept = null; // {form, submitter, timer} while a sale waits

  function keep(form, submitter) {
    const place = form.querySelector("[data-kept]");
    if (!place.firstChild) place.append(form.querySelector("template[data-kept-text]").content.cloneNode(true));
    place.scrollIntoView({ block: "nearest" });
    kept = { form, submitter, timer: setTimeout(tryAgain, RETRY_MS) };
  }

  function stopWaiting() {
    if (!kept) return;
    clearTimeout(kept.timer);
    kept.form.querySelector("[data-kept]").replaceChildren();
    kept = null;
  }

  function tryAgain() {
    if (!kept) return;
    clearTimeout(kept.timer);
    const { form, submitter } = kept;
    kept = null;
    send(form, submitter);
  }

  async function send(form, submitter) {
    if (form.dataset.asking) return;
    form.dataset.asking = "1";
    const keeper = form.closest("[data-keep]");
    const waits = form.querySelector("[data-kept]");
    try {
      const answer = await fetch(keeper.dataset.keep, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(String(answer.status));
      waits?.replaceChildren();
      form.dataset.reached = "1";
      form.requestSubmit(submitter);
    } catch {
      // Only a sale waits: what was asked about it, and every other form, can be sent again.
      if (!waits || submitter?.name === "act") window.loyaltyToast(keeper.dataset.textKept);
      else keep(form, submitter);
    } finally {
      delete form.dataset.asking;
      delete form.dataset.reached;
    }
  }

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!form.closest("[data-keep]") || form.method !== "post" || form.dataset.reached) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      stopWaiting();
      send(form, event.submitter);
    },
    true,
  );
  window.addEventListener("online", tryAgain);
  // Whoever changes what waits decides anew when it is sent.
  document.addEventListener("input", (event) => {
    if (kept?.form.contains(event.target)) stopWaiting();
  });
  window.addEventListener("beforeunload", (event) => {
    if (kept) event.preventDefault();
  });

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
