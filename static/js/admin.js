// What the admin's own widgets leave out for screen readers: the main landmark, and names for its search boxes.
(() => {
  "use strict";

  const labelOf = (select) => select.labels?.[0]?.textContent.trim().replace(/:$/, "") || select.name;

  const nameWidgets = () => {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const widget = select.nextElementSibling;
      const name = labelOf(select);
      widget?.querySelector('.select2-selection[role="combobox"]')?.setAttribute("aria-label", name);
      widget?.querySelector('[role="textbox"]')?.setAttribute("aria-label", name);
      widget?.querySelector("ul.select2-selection__rendered")?.setAttribute("role", "none");
      for (const box of widget?.querySelectorAll(".select2-search__field") ?? []) box.setAttribute("aria-label", name);
    }
  };

  // Lists that hold forms are no lists; each of several scrolling parts needs a name of its own.
  const nameParts = () => {
    for (const list of document.querySelectorAll("ul.object-tools")) list.setAttribute("role", "group");
    document.querySelectorAll(".simplebar-content-wrapper").forEach((part, index) => {
      const name = part.closest("#nav-sidebar, nav") ? "menu" : `scrollable content ${index + 1}`;
      if (part.getAttribute("aria-label") !== name) part.setAttribute("aria-label", name);
    });
  };

  const mend = () => { nameWidgets(); nameParts(); };

  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("main")?.setAttribute("role", "main");
    mend();
    new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  });
})();
