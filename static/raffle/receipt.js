// The browser's own print dialogue, one press away.
const button = document.querySelector("[data-print]");
button.addEventListener("click", () => print());
button.hidden = false;
