// Elements of a page: found, made, announced.

export const find = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

export function make(tag, attributes = {}, parent = null, content = null) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (content !== null) element.textContent = content;
  if (parent) parent.append(element);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';
export function draw(tag, attributes = {}, parent = null, content = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (content !== null) element.textContent = content;
  if (parent) parent.append(element);
  return element;
}

// Texts come from the study: they are never read as HTML.
export function paragraphs(place, texts) {
  place.replaceChildren();
  for (const text of texts) make('p', { dir: 'auto' }, place, text);
}

// A polite word to those who listen; the same word twice is still heard.
export function announce(text) {
  const place = find('#announcer');
  place.textContent = '';
  setTimeout(() => { place.textContent = text; }, 30);
}

export function openDialog(dialog) {
  if (dialog.open) return;
  dialog.showModal();
  find('[tabindex="-1"]', dialog)?.focus();
}

export const closed = (dialog) => new Promise((resolve) => {
  if (dialog.open) dialog.addEventListener('close', resolve, { once: true });
  else resolve();
});

export const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
