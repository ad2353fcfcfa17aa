// The board: moves by hand, by button and by key. The server decides each; what it refuses goes back and is explained.
(() => {
  "use strict";

  const root = document.querySelector("[data-board]");
  if (!root) return;
  const toasts = root.querySelector("[data-toasts]");
  const live = root.querySelector("[data-live]");
  const dialog = root.querySelector("[data-ask]");
  const mayChange = root.dataset.mayChange === "yes";
  const isManager = root.dataset.manager === "yes";
  const token = () => document.querySelector("[name=csrfmiddlewaretoken]")?.value
    || document.cookie.match(/(?:^|; )(?:__Host-)?csrf(?:token)?=([^;]+)/)?.[1] || root.dataset.csrf;
  const laneOf = (stage) => root.querySelector(`[data-lane="${CSS.escape(stage)}"]`);
  const cardsOf = (lane) => lane.querySelector("[data-cards]");

  const tell = (text, { tone = "good", act = null, label = "" } = {}) => {
    const toast = document.createElement("p");
    toast.className = "toast";
    toast.dataset.tone = tone;
    toast.setAttribute("role", tone === "bad" ? "alert" : "status");
    toast.append(text);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = act ? label : toasts.dataset.dismiss;
    button.addEventListener("click", () => { toast.remove(); act?.(); });
    toast.append(button);
    toasts.append(toast);
    if (tone === "good") setTimeout(() => { if (!toast.matches(":hover, :focus-within")) toast.remove(); }, 6000);
  };

  // --- asking for a reason ------------------------------------------------------------------------------------------
  const ask = (kind, why) => new Promise((resolve) => {
    const form = dialog.querySelector("[data-ask-form]");
    const title = dialog.querySelector("[data-ask-title]");
    const go = dialog.querySelector("[data-ask-go]");
    const lost = dialog.querySelector("[data-ask-lost]");
    title.textContent = title.dataset[kind];
    go.textContent = go.dataset[kind];
    dialog.querySelector("[data-ask-why]").textContent = why;
    dialog.querySelector("[data-ask-error]").textContent = "";
    lost.hidden = kind !== "lost";
    form.reset();
    const done = (answer) => {
      form.removeEventListener("submit", send);
      dialog.removeEventListener("close", leave);
      if (dialog.open) dialog.close();
      resolve(answer);
    };
    const send = (event) => {
      event.preventDefault();
      done({ reason: form.elements.reason.value, lost_to: form.elements.lost_to.value, force: kind === "exception" });
    };
    const leave = () => done(null);
    form.addEventListener("submit", send);
    dialog.addEventListener("close", leave);
    dialog.showModal();
    form.elements.reason.focus();
  });
  dialog?.querySelector("[data-ask-cancel]").addEventListener("click", () => dialog.close());

  // --- one move -----------------------------------------------------------------------------------------------------
  const send = async (body) => {
    const answer = await fetch(root.dataset.moveUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: JSON.stringify(body),
    });
    return { ok: answer.ok, status: answer.status, told: await answer.json() };
  };

  const place = (card, told) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = told.card;
    const made = fresh.content.firstElementChild;
    const target = cardsOf(laneOf(told.stage));
    const hadFocus = card.contains(document.activeElement);
    if (card.parentElement === target) card.replaceWith(made);
    else { card.remove(); target.prepend(made); }
    for (const [stage, html] of Object.entries(told.heads || {})) laneOf(stage).querySelector("[data-head]").innerHTML = html;
    if (hadFocus) made.focus();
    return made;
  };

  const back = (card, from) => {
    if (from.next && from.next.parentElement === from.box) from.box.insertBefore(card, from.next);
    else from.box.append(card);
  };

  const move = async (card, to, from, extra = {}) => {
    card.dataset.busy = "";
    const body = { id: card.dataset.deal, to, version: Number(card.dataset.version), ...extra };
    let answer;
    try {
      answer = await send(body);
    } catch {
      delete card.dataset.busy;
      back(card, from);
      tell(toasts.dataset.offline, { tone: "bad" });
      return;
    }
    delete card.dataset.busy;
    const { ok, told } = answer;
    if (ok) {
      const made = place(card, told);
      made.dataset.moved = "";
      setTimeout(() => { delete made.dataset.moved; }, 1500);
      live.textContent = told.message;
      const undo = told.undo ? () => move(made, told.undo, where(made)) : null;
      tell(told.message, { act: undo, label: toasts.dataset.undo });
      for (const words of told.warnings) tell(words, { tone: "watch" });
      return;
    }
    if (told.ask) {
      back(card, from);
      const given = await ask(told.ask, told.message);
      if (given) { await move(card, to, from, given); return; }
      card.focus();
      return;
    }
    // Refused: the card goes back, or to where somebody else has moved it in the meantime.
    back(card, from);
    if (told.card) place(card, told);
    live.textContent = told.message;
    tell(told.message || String(answer.status), { tone: "bad" });
  };

  const where = (card) => ({ box: card.parentElement, next: card.nextElementSibling });

  // --- by hand ------------------------------------------------------------------------------------------------------
  const show = (card) => {
    const allowed = new Set(card.dataset.moves.split(" "));
    if (isManager) for (const stage of card.dataset.exceptions.split(" ")) allowed.add(stage);
    for (const lane of root.querySelectorAll("[data-lane]")) {
      if (lane.dataset.lane === card.dataset.stage) continue;
      lane.toggleAttribute("data-refuses", !allowed.has(lane.dataset.lane));
      lane.querySelector("[data-drop]").hidden = !allowed.has(lane.dataset.lane);
    }
  };
  const hide = () => {
    for (const lane of root.querySelectorAll("[data-lane]")) {
      lane.removeAttribute("data-refuses");
      lane.querySelector("[data-drop]").hidden = true;
    }
  };
  if (mayChange && window.Sortable) {
    let from = null;
    for (const box of root.querySelectorAll("[data-cards]")) {
      window.Sortable.create(box, {
        group: "deals",
        draggable: ".deal",
        filter: ".deal-step",
        preventOnFilter: false,
        sort: false,
        animation: 120,
        delay: 150,
        delayOnTouchOnly: true,
        onStart: (event) => { from = where(event.item); event.item.dataset.held = ""; show(event.item); },
        onEnd: (event) => {
          delete event.item.dataset.held;
          hide();
          const lane = event.to.closest("[data-lane]");
          if (lane.dataset.lane !== event.item.dataset.stage) move(event.item, lane.dataset.lane, from);
        },
      });
    }
  }

  // --- by button and key --------------------------------------------------------------------------------------------
  root.addEventListener("click", async (event) => {
    const step = event.target.closest(".deal-step");
    if (step) { const card = step.closest(".deal"); move(card, step.dataset.to, where(card)); return; }
    const more = event.target.closest("[data-more]");
    if (more) {
      const lane = laneOf(more.dataset.more);
      const box = cardsOf(lane);
      const url = `${root.dataset.moreUrl}&stage=${more.dataset.more}&after=${box.children.length}`;
      const answer = await fetch(url);
      if (!answer.ok) { tell(toasts.dataset.offline, { tone: "bad" }); return; }
      const before = box.children.length;
      box.insertAdjacentHTML("beforeend", await answer.text());
      box.children[before]?.focus();
      const all = Number(lane.querySelector("[data-head] .num").textContent.replace(/\D/g, ""));
      if (box.children.length >= all || box.children.length === before) more.remove();
      return;
    }
    for (const menu of root.querySelectorAll("details.chip-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  const neighbour = (card, key) => {
    if (key === "ArrowDown") return card.nextElementSibling;
    if (key === "ArrowUp") return card.previousElementSibling;
    const all = [...root.querySelectorAll("[data-lane]")].filter((lane) => cardsOf(lane).children.length);
    const here = all.indexOf(card.closest("[data-lane]"));
    const lane = all[here + (key === "ArrowRight" ? 1 : -1)];
    const height = [...card.parentElement.children].indexOf(card);
    return lane && cardsOf(lane).children[Math.min(height, cardsOf(lane).children.length - 1)];
  };
  root.addEventListener("keydown", (event) => {
    const card = event.target.closest(".deal");
    if (!card || event.target !== card || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) {
      const next = neighbour(card, event.key);
      if (next) { event.preventDefault(); next.focus(); }
    } else if (event.key === "Enter") {
      card.querySelector(".deal-name a").click();
    } else if (mayChange && (event.key === "[" || event.key === "]")) {
      const steps = card.querySelectorAll(".deal-step");
      const order = ["lead", "qualified", "proposal", "negotiation", "won", "lost"];
      const wanted = [...steps].find((step) => (event.key === "]") === (order.indexOf(step.dataset.to) > order.indexOf(card.dataset.stage)));
      event.preventDefault();
      if (wanted) move(card, wanted.dataset.to, where(card));
      else live.textContent = toasts.dataset.nothing;
    }
  });
})();
