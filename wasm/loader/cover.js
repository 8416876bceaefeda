// The cover: in front of the whole page while it must not be seen or used. It is here and not in the agent, because the page may
// have to be covered before the agent runs, when it cannot run, and within the very event that comes too late.
import { hear } from "./activity.js";
import { brand, dismiss, present, retitle } from "./stage.js";
import { site } from "./texts.js";

let parts;
let press = null;

function build() {
  const part = (tag, name, attributes = {}) => {
    const element = document.createElement(tag);
    element.setAttribute("part", name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  };
  const title = part("h1", "title", { id: "cover-title", tabindex: "-1", autofocus: "" });
  const body = part("p", "body", { id: "cover-body" });
  const button = part("button", "button primary", { type: "button" });
  const text = part("div", "card", { "aria-live": "assertive" });
  const dialog = part("dialog", "cover", {
    role: "alertdialog", "aria-labelledby": "cover-title", "aria-describedby": "cover-body",
  });
  text.append(brand(), title, body, button);
  dialog.append(text);
  hear(button, "click", () => press?.());
  return { dialog, title, body, button };
}

// cover shows the cover or changes what it says. With a label it has a button; then is called when a person presses it.
export function cover(title, body, label, then) {
  parts ??= build();
  press = then;
  write(parts.title, title);
  write(parts.body, body);
  write(parts.button, label);
  if (!parts.dialog.isConnected) present(parts.dialog, null, true);
  retitle(title + (site.name ? " \u00b7 " + site.name : "")); // the page's own may be as private as the page
}

// covered says whether the cover stands.
export const covered = () => parts?.dialog.isConnected === true;

export function uncover() {
  if (parts) dismiss(parts.dialog);
}

// write changes only what differs: what is in a live region is spoken again when it is written again.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}
