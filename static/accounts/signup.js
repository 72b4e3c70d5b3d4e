// Lets ALTCHA's widget work its challenge out, in files of this site and in this site's words.

import "../altcha/altcha.js";

const worker = new URL("../altcha/pbkdf2.js", import.meta.url);
const language = document.documentElement.lang;

globalThis.$altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(worker));
globalThis.$altcha.i18n.set(language, {
  ariaLinkLabel: "ALTCHA",
  cancel: gettext("Cancel"),
  enterCode: "",
  enterCodeAria: "",
  enterCodeFromImage: "",
  error: gettext("The check did not work."),
  expired: gettext("The check is too old. Do it again."),
  footer: "",
  getAudioChallenge: "",
  label: gettext("Check that this is no robot"),
  loading: gettext("Checking…"),
  reload: gettext("Again"),
  required: gettext("Wait for the check, please."),
  verificationRequired: gettext("Wait for the check, please."),
  verified: gettext("No robot"),
  verify: gettext("Check"),
  verifying: gettext("Your device does a little sum, so that robots cannot make accounts by the thousand…"),
  waitAlert: gettext("The check is nearly done."),
});

const place = document.querySelector("[data-challenge]");
const widget = document.createElement("altcha-widget");
widget.setAttribute("challenge", place.dataset.challenge);
widget.setAttribute("name", "work");
widget.setAttribute("language", language);
widget.setAttribute("auto", "onload");
widget.setAttribute("configuration", JSON.stringify({
  hideFooter: true,
  hideLogo: true,
  humanInteractionSignature: false, // nobody's pointer is watched here
  minDuration: 0,
}));
widget.addEventListener("statechange", ({ detail }) => {
  if (detail.state !== "error") return;
  const sorry = document.createElement("p"); // as without JavaScript: the widget would let nobody by
  sorry.className = "helptext";
  sorry.setAttribute("role", "status");
  sorry.textContent = gettext("The check against robots did not work here. You can sign up all the same.");
  widget.replaceWith(sorry);
});
place.append(widget);
