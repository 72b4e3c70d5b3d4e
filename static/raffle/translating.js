// The words of the page's language. The catalogue comes in a script of its own; without it, English.

export const gettext = globalThis.gettext ?? ((text) => text);
export const ngettext = globalThis.ngettext ?? ((one, many, count) => (count === 1 ? one : many));
export const interpolate = globalThis.interpolate ??
  ((text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]));

const told = document.documentElement.lang || "en";
export const language = told === "en" ? "en-GB" : told;
