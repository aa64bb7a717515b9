// Elements, numbers as text, the page's data, and the one tooltip.
const SVG = 'http://www.w3.org/2000/svg';
const page = JSON.parse(document.getElementById('report-data').textContent);

function make(tag, attributes = {}, parent = null, content = null) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (content !== null) element.textContent = content;
  if (parent) parent.append(element);
  return element;
}

function draw(tag, attributes = {}, parent = null, content = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (content !== null) element.textContent = content;
  if (parent) parent.append(element);
  return element;
}

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

// Colours and dashes of the objectives: eight colours, then the same with dashes.
const colour = (index) => `var(--series-${index % 8})`;
const dash = (index) => ['', '7 4', '2 4', '9 3 2 3'][Math.floor(index / 8) % 4];

// The mark of an objective: round, for the second eight square, for the third eight on its tip.
function marker(parent, index, x, y, r = 5) {
  const shape = Math.floor(index / 8) % 3;
  if (shape === 0) return draw('circle', { cx: x, cy: y, r, fill: colour(index) }, parent);
  const style = { x: x - r + 0.5, y: y - r + 0.5, width: 2 * r - 1, height: 2 * r - 1, fill: colour(index) };
  return draw('rect', shape === 1 ? style : { ...style, transform: `rotate(45 ${x} ${y})` }, parent);
}

function format(value, digits = 4) {
  if (!known(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  let text;
  if (size >= 1e6 || size < 1e-4) {
    text = value.toExponential(Math.max(0, digits - 2)).replace(/\.?0+e/, 'e').replace('e+', 'e');
  } else {
    text = String(Number(value.toPrecision(digits)));
    if (size >= 10000) text = Number(text).toLocaleString('en', { maximumFractionDigits: 0 });
  }
  return text.replace('-', '−');
}

const percent = (value) => `${Math.round(value * 100)} %`;

const ruler = document.createElement('canvas').getContext('2d');
function textWidth(text, size = 12) {
  ruler.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

const tooltip = make('div', { class: 'tooltip', role: 'status', 'aria-live': 'polite' }, document.body);
tooltip.hidden = true;

// Rows are [colour index or null, name, value]; the place is in pixels of the window.
function showTooltip(title, rows, x, y) {
  tooltip.replaceChildren();
  make('strong', {}, tooltip, title);
  for (const [index, name, value] of rows) {
    const row = make('div', {}, tooltip);
    const swatch = make('i', {}, row);
    if (index !== null) swatch.style.background = colour(index);
    else swatch.style.visibility = 'hidden';
    make('span', {}, row, name);
    make('b', {}, row, value);
  }
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  const left = x + 16 + box.width > window.innerWidth ? x - 16 - box.width : x + 16;
  const top = Math.min(y + 12, window.innerHeight - box.height - 8);
  tooltip.style.left = `${Math.max(8, Math.min(left, window.innerWidth - box.width - 8))}px`;
  tooltip.style.top = `${Math.max(8, top)}px`;
}

const hideTooltip = () => { tooltip.hidden = true; };
