// Counts down to the beacon's round and then presses the button. Without it the page reloads, and
// a person presses.

const clock = document.querySelector("[data-countdown]");
const button = document.querySelector("[data-publish]");
const opened = Date.now();
const round = opened + Number(clock.dataset.countdown) * 1000;
const heardOf = opened + Number(clock.dataset.until) * 1000;

function tick() {
  const now = Date.now();
  const left = Math.ceil((round - now) / 1000);
  if (now >= heardOf) {
    button.disabled = false;
    button.form.requestSubmit(button);
    return;
  }
  clock.textContent = left > 0 ? spelled(left) : "Asking the beacon…";
  setTimeout(tick, 200);
}

function spelled(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} to go. The result is then published by itself.`;
}

tick();
