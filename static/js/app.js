// The few scripts of every page. Reading needs none of them: each adds to something that works without.
(() => {
  "use strict";

  const cookie = (name, value) => {
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
  };
  const announce = (text, tone = "good") => {
    const box = document.getElementById("toasts");
    if (!box) return;
    const toast = document.createElement("p");
    toast.className = "toast";
    toast.setAttribute("role", tone === "bad" ? "alert" : "status");
    toast.dataset.toast = tone === "bad" ? "error" : "success";
    toast.append(text);
    box.append(toast);
    expire(toast);
  };

  // Toasts leave after 6 seconds, but stay while looked at; an error stays until it is dismissed.
  const expire = (toast) => {
    if (toast.dataset.toast === "error") return;
    let timer;
    const start = () => { timer = setTimeout(() => toast.remove(), 6000); };
    const stop = () => clearTimeout(timer);
    toast.addEventListener("mouseenter", stop);
    toast.addEventListener("mouseleave", start);
    toast.addEventListener("focusin", stop);
    toast.addEventListener("focusout", start);
    start();
  };

  const openDialog = (id, opener) => {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open) return;
    dialog.addEventListener("close", () => opener?.focus?.(), { once: true });
    dialog.showModal();
  };

  const copy = async (button) => {
    const text = button.dataset.copy || button.textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      announce(`${text} ✓`);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
  };

  const setTheme = (value) => {
    if (value) document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
    cookie("theme", value);
    for (const button of document.querySelectorAll("[data-theme-form] button")) {
      button.setAttribute("aria-pressed", String(button.value === value));
    }
    document.dispatchEvent(new CustomEvent("theme:changed"));
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-dialog], [data-dismiss], .copy, [data-opens], [data-theme-form] button, [data-print]");
    if (!target) return;
    if (target.matches("[data-dialog]")) { event.preventDefault(); openDialog(target.dataset.dialog, target); }
    else if (target.matches("[data-dismiss]")) target.closest(".toast, .note")?.remove();
    else if (target.matches(".copy")) copy(target);
    else if (target.matches("[data-theme-form] button")) { event.preventDefault(); setTheme(target.value); }
    else if (target.matches("[data-print]")) { event.preventDefault(); window.print(); }
    else if (target.matches("[data-opens]")) {
      const details = document.getElementById(target.dataset.opens)?.closest("details");
      if (!details) return;
      event.preventDefault();
      details.open = !details.open;
      if (details.open) details.querySelector("summary")?.focus();
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-single-keys]")) {
      document.body.dataset.keys = event.target.checked ? "on" : "off";
      cookie("keys", document.body.dataset.keys);
    }
    if (event.target.matches("[data-submit]")) event.target.form?.requestSubmit();
  });

  // A long list in a menu is narrowed as one types.
  document.addEventListener("input", (event) => {
    const list = event.target.dataset?.narrow && document.getElementById(event.target.dataset.narrow);
    if (!list) return;
    const wanted = event.target.value.trim().toLowerCase();
    for (const link of list.querySelectorAll("a")) link.hidden = !link.textContent.toLowerCase().includes(wanted);
  });

  // Ctrl K finds; g and a letter goes to a page; / filters; ? lists the keys.
  let afterG = false;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      const find = document.querySelector("[data-find]");
      if (find) { event.preventDefault(); location.assign(find.href); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.keys === "off") return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (afterG) {
      afterG = false;
      const link = document.querySelector(`.nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (event.key === "g") { afterG = true; setTimeout(() => { afterG = false; }, 1500); }
    else if (event.key === "/") {
      const filter = document.querySelector("[data-filter]");
      if (filter) { event.preventDefault(); filter.focus(); }
    } else if (event.key === "?") openDialog("shortcuts", document.activeElement);
  });

  // Arrow keys read a chart place by place, as a pointer does; Escape hides what is shown.
  const tipsOf = (plot) => [...plot.querySelectorAll(".tip")];
  const showTip = (plot, tip) => {
    for (const other of tipsOf(plot)) other.toggleAttribute("data-on", other === tip);
    plot.querySelector("[data-said-here]").textContent = tip ? tip.dataset.said : "";
  };
  document.addEventListener("keydown", (event) => {
    const plot = event.target.matches?.("[data-plot]") ? event.target : null;
    if (event.key === "Escape") {
      for (const one of document.querySelectorAll("[data-plot]")) { one.dataset.tips = "off"; showTip(one, null); }
      return;
    }
    if (!plot) return;
    const tips = tipsOf(plot), at = tips.findIndex((tip) => tip.hasAttribute("data-on"));
    const next = { ArrowRight: at + 1, ArrowLeft: at < 0 ? tips.length - 1 : at - 1, Home: 0, End: tips.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    showTip(plot, tips[Math.min(Math.max(next, 0), tips.length - 1)]);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.matches?.("[data-plot]")) showTip(event.target, null);
  });
  document.addEventListener("pointerover", (event) => {
    const plot = event.target.closest?.("[data-plot]");
    for (const one of document.querySelectorAll('[data-tips="off"]')) if (one !== plot) delete one.dataset.tips;
  });

  // On submit, the first wrong field gets the focus.
  document.querySelector('[aria-invalid="true"]')?.focus();
  document.querySelectorAll(".toast").forEach(expire);

  // A card that did not load says so in its place, and the rest of the page stays.
  document.addEventListener("htmx:responseError", (event) => {
    const failed = document.getElementById("card-failed")?.content.cloneNode(true);
    if (failed && event.detail.target) event.detail.target.replaceChildren(failed);
    else announce(`${event.detail.xhr.status}`, "bad");
  });

  window.tracker = { announce, openDialog };
})();
