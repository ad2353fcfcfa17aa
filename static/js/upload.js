// The uploader: a file that is dropped or chosen is sent at once, with its progress, and checked.
(() => {
  "use strict";

  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector(".drop");
  const box = form.querySelector("[data-sending-box]");
  const words = form.querySelector("[data-sending-words]");
  const bar = form.querySelector("progress");
  const error = form.querySelector("[data-upload-error]");

  const refuse = (text) => {
    error.textContent = text;
    error.hidden = false;
    box.hidden = true;
    input.value = "";
    drop.removeAttribute("aria-busy");
  };

  const send = (file) => {
    error.hidden = true;
    if (!/\.(csv|tsv|txt|xlsx|gz|zip)$/i.test(file.name)) return refuse(form.dataset.wrongKind);
    if (file.size > Number(form.dataset.limit) * 1e6) return refuse(form.dataset.tooLarge);
    const body = new FormData(form);
    body.set("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = Math.round((100 * event.loaded) / event.total);
      words.textContent = `${form.dataset.sending} ${file.name}, ${bar.value} %`;
    });
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        return refuse(form.dataset.lost);
      }
      if (request.status === 201) window.location.assign(answer.location);
      else refuse(answer.detail || form.dataset.lost);
    });
    request.addEventListener("error", () => refuse(form.dataset.lost));
    bar.value = 0;
    words.textContent = `${form.dataset.sending} ${file.name}`;
    box.hidden = false;
    drop.setAttribute("aria-busy", "true");
    request.send(body);
  };

  input.addEventListener("change", () => { if (input.files.length) send(input.files[0]); });
  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => { event.preventDefault(); drop.dataset.over = ""; });
  }
  for (const type of ["dragleave", "drop"]) {
    drop.addEventListener(type, () => { delete drop.dataset.over; });
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) send(file);
  });
})();
