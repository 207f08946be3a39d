// What makes the workbench quicker to use. Every page does its work without it.

const main = () => document.querySelector("main");

// Forms that go on with the page: sent in the background, and only what is inside <main> is put in its place.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (!form.matches("[data-live]") || button?.matches("[data-plain]")) return;
  event.preventDefault();
  await send(form, new FormData(form, button));
});

async function send(form, content, focus = "") {
  document.body.classList.add("busy");
  const beside = document.querySelector('[name="beside"]:checked')?.value;
  const top = document.querySelector(".beside")?.scrollTop ?? 0;
  try {
    const answer = await fetch(form.action, { method: "POST", body: content });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    if (!fresh) throw new Error("no page");
    document.title = page.title;
    document.body.className = page.body.className;
    main().replaceWith(document.importNode(fresh, true));
    const kept = document.querySelector(`[name="beside"][value="${beside}"]`);
    if (kept) kept.checked = true;
    if (beside === "json") showFirst();
    if (document.querySelector(".beside")) document.querySelector(".beside").scrollTop = top;
    settle(focus);
  } catch {
    form.submit();
  } finally {
    document.body.classList.remove("busy");
  }
}

// After a change the keyboard is where it is needed next: what asks for it, the field one was in, or the verdict.
function settle(focus) {
  const wanted = (focus && document.querySelector(focus)) || document.querySelector("main [autofocus]");
  if (wanted) {
    wanted.focus();
    if (wanted.select) wanted.select();
  } else {
    main().focus({ preventScroll: true });
  }
  point();
  poll();
}

// The place where JSON could not be read is selected in the text.
function point() {
  const problem = document.querySelector("#problem[data-line]");
  const text = document.querySelector("#claim");
  if (!problem || !text) return;
  const lines = text.value.split("\n").slice(0, Number(problem.dataset.line) - 1);
  const at = lines.reduce((sum, line) => sum + line.length + 1, 0) + Number(problem.dataset.column) - 1;
  text.setSelectionRange(at, at + 1);
}

// A field that was changed in place: the review follows, and the keyboard stays where it went.
document.addEventListener("change", (event) => {
  const row = event.target.closest?.("[data-saves]");
  if (row && event.target.form?.matches("[data-live]")) {
    const form = event.target.form;
    setTimeout(() => {
      const next = document.activeElement;
      if (next?.matches("button")) return; // the button does what it says
      const content = new FormData(form);
      content.set("save", row.dataset.saves);
      const name = next?.closest("[data-saves]") ? next.name : "";
      if (name) content.set("edit", `${row.dataset.saves}.${name.replace("field.", "")}`);
      send(form, content, name ? `[name="${name}"]` : "");
    });
  }
  if (event.target.value === "json" && event.target.name === "beside") showFirst();
  if (event.target.id === "file" && event.target.files.length) event.target.form.requestSubmit();
});

// The JSON opens where the first finding is.
function showFirst() {
  const text = document.querySelector("#json .json");
  const row = text?.querySelector(".row .mark")?.closest(".row");
  if (row) text.scrollTop = row.offsetTop - text.clientHeight / 3;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest?.("[data-saves], .asked")) {
    document.querySelector('main button[name="edit"][value=""]')?.click();
  }
});

// Dropping a file anywhere on the form, or on the page while there is a form for it.
const dropped = () => document.querySelector("[data-drop]");
document.addEventListener("dragover", (event) => {
  if (!dropped() || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  dropped().classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) dropped()?.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  if (!dropped() || !event.dataTransfer?.files.length) return;
  event.preventDefault();
  dropped().classList.remove("dropping");
  document.querySelector("#file").files = event.dataTransfer.files;
  dropped().requestSubmit();
});

document.addEventListener("click", async (event) => {
  const copies = event.target.closest("[data-copy]");
  if (copies) {
    const named = document.getElementById(copies.dataset.copy);
    const text = named ? named.value : await corrected();
    await navigator.clipboard.writeText(text);
    copies.textContent = "Copied";
  }
  if (event.target.closest("[data-print]")) window.print();
  const cell = event.target.closest("[data-edits]");
  if (cell && !event.target.closest("a")) {
    const form = document.querySelector("#review");
    const content = new FormData(form);
    content.set("edit", cell.dataset.edits);
    send(form, content);
  }
  const mark = event.target.closest("a.mark");
  if (mark) {
    const shown = document.querySelector('[name="beside"][value="findings"]');
    if (shown) shown.checked = true;
  }
});

async function corrected() {
  const form = document.querySelector("#review");
  const download = document.querySelector('[data-download="claim"]');
  const answer = await fetch(download.formAction, { method: "POST", body: new FormData(form) });
  return answer.text();
}

// Rules are filtered while one types.
document.addEventListener("input", (event) => {
  if (!event.target.closest("[data-filter]")) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const section of document.querySelectorAll(".family")) {
    let any = false;
    for (const rule of section.querySelectorAll("[data-words]")) {
      rule.hidden = !words.every((word) => rule.dataset.words.includes(word));
      any ||= !rule.hidden;
      found += rule.hidden ? 0 : 1;
    }
    section.hidden = !any;
  }
  const told = document.querySelector("[data-found]");
  if (told) told.textContent = `${found} of ${document.querySelectorAll("[data-words]").length} rules`;
});

// The last calls, every few seconds while the page is looked at.
let polling;
function poll() {
  clearInterval(polling);
  const place = document.querySelector("[data-poll]");
  if (!place) return;
  polling = setInterval(async () => {
    if (document.hidden || place.contains(document.activeElement)) return;
    const answer = await fetch(place.dataset.poll).catch(() => null);
    if (answer?.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      place.replaceChildren(...document.importNode(page.body, true).childNodes);
    }
  }, 3000);
}

point();
poll();
