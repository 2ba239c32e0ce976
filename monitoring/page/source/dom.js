// Builds elements without HTML strings: what the server sends can only become text.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

// Changes a node only if its text is new: nothing flickers or is read out twice.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Replaces the children, and gives the focus back to the child with the same data-key.
export function replaceKeepingFocus(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...children);
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// Text for screen readers only.
export function hidden(text) {
  return element("span", { class: "visually-hidden" }, text);
}
