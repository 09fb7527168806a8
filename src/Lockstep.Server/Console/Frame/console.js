// Nothing depends on this: it copies what a button names, asks before what cannot be undone is sent twice, and draws a preview while one types.
document.addEventListener("click", async event => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = "Copied";
  } catch { button.textContent = "Select it and copy"; }
});
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
document.addEventListener("submit", event => {
  const form = event.target;
  if (event.submitter?.formTarget || form.target) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });
const draft = document.querySelector("[data-preview]");
if (draft) {
  let timer;
  draft.form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => draft.click(), 400); });
}
