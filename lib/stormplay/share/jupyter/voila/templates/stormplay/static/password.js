/* The form that changes a password says what it expects while one types, beside the field, and its button waits for it.
 * The shortest length is the library's own, from the page; what counts in the end is what the server says. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-shortest]");
  if (!form) return;
  const shortest = Number(form.dataset.shortest), field = (name) => form.elements.namedItem(name);
  const [old, fresh, again] = ["old", "new", "again"].map(field), button = form.querySelector("button[type=submit]");
  const help = document.getElementById("new-help"), usual = help.textContent;
  const signs = (text) => [...text].length; /* as the library counts: a sign is one, however it is stored */
  function say(input, place, fault, otherwise = "") {
    const said = fault || otherwise;
    if (place.textContent !== said) place.textContent = said;
    place.classList.toggle("sp-fault", Boolean(fault));
    if (fault) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  function look() {
    const lacks = shortest - signs(fresh.value), isShort = fresh.value !== "" && lacks > 0;
    const isOther = again.value !== "" && again.value !== fresh.value;
    say(fresh, help, isShort && `Too short: at least ${shortest} signs, ${lacks} more.`, usual);
    say(again, document.getElementById("again-help"), isOther && "Not the same as the new password yet.");
    const why = !old.value ? "Type your present password first." : lacks > 0 ? `Type at least ${shortest} signs.`
      : again.value !== fresh.value ? "Type the new password the same way twice." : "";
    button.disabled = Boolean(why);
    button.title = why;
  }
  form.addEventListener("input", look);
  form.addEventListener("change", look); /* a browser's own filling in */
  look();
})();
