// Scores with their intervals: a chart of lines, and the same as a table.

import { draw, make } from './elements.js';

const ROW = 18;
const NAMES = 170;
const PADDING = 24;

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
const number = (value, digits = 2) => (known(value) ? value.toFixed(digits).replace('-', '−') : '–');

// Whole or half steps for an axis from low to high, at most about eight of them.
function steps(low, high) {
  const step = [0.25, 0.5, 1, 2, 5, 10, 20].find((one) => (high - low) / one <= 8) ?? 50;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

function chart(place, images, width) {
  const ends = images.flatMap(({ jod, half_width: half }) => [jod - (half ?? 0), jod + (half ?? 0)]);
  const [low, high] = [Math.min(-0.5, ...ends), Math.max(0.5, ...ends)];
  const names = Math.min(NAMES, width * 0.35);
  const room = width - names - PADDING * 2;
  const across = (value) => names + PADDING + (value - low) / (high - low) * room;
  const height = images.length * ROW + 44;
  const svg = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Scores with 95% intervals, the best on top; the table below holds the same' }, place);
  for (const at of steps(low, high)) {
    draw('line', { class: at === 0 ? 'zero' : 'grid', x1: across(at), x2: across(at), y1: 6, y2: height - 36 }, svg);
    draw('text', { class: 'soft', x: across(at), y: height - 22, 'text-anchor': 'middle' }, svg, number(at, at % 1 ? 2 : 0));
  }
  draw('text', { class: 'soft', x: across((low + high) / 2), y: height - 6, 'text-anchor': 'middle' }, svg, 'JOD');
  const letters = Math.floor(names / 7);
  images.forEach(({ name, jod, half_width: half }, place_) => {
    const y = 6 + (place_ + 0.5) * ROW;
    const short = name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
    draw('text', { x: names, y: y + 4, 'text-anchor': 'end' }, svg, short);
    if (known(half)) draw('line', { class: 'bar', x1: across(jod - half), x2: across(jod + half), y1: y, y2: y }, svg);
    draw('circle', { class: 'dot', cx: across(jod), cy: y, r: 4 }, svg);
  });
}

function table(place, images, open) {
  const details = make('details', open ? { open: '' } : {}, place);
  make('summary', {}, details, 'As a table');
  const scroll = make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Scores as a table' }, details);
  const body = make('table', { class: 'values' }, scroll);
  const head = make('tr', {}, make('thead', {}, body));
  ['Image', 'JOD', 'Half-width', 'Comparisons'].forEach((text, column) => {
    make('th', { scope: 'col', ...(column ? { class: 'number' } : {}) }, head, text);
  });
  const rows = make('tbody', {}, body);
  for (const image of images) {
    const row = make('tr', {}, rows);
    make('th', { scope: 'row' }, row, image.name);
    for (const text of [number(image.jod), number(image.half_width), String(image.comparisons ?? '–')]) make('td', { class: 'number' }, row, text);
  }
}

// Draws all scenes anew; tables that were open stay open.
export function showIntervals(place, scenes) {
  const open = new Set([...place.querySelectorAll('details[open]')].map((one) => one.dataset.scene));
  const places = new Map([...place.querySelectorAll('.chart')].map((one) => [one.dataset.scene, one.scrollTop]));
  place.replaceChildren();
  for (const { scene, answers, connected, half_width_jod: width, images } of scenes) {
    const named = scenes.length > 1 || scene;
    if (named) make('h3', {}, place, scene || 'scene');
    const facts = [`${answers} answers`, known(width) ? `intervals of ±${number(width)} JOD` : 'no intervals yet'];
    if (connected === false) facts.push('not all images are connected by comparisons yet, so their distances mean little');
    make('p', { class: 'quiet' }, place, `${facts.join('; ')}.`);
    const shown = images.filter((image) => known(image.jod)).sort((one, other) => other.jod - one.jod);
    if (!shown.length) continue;
    const area = make('div', { class: 'chart', tabindex: '0', role: 'region', 'aria-label': `Chart of the scores${scene ? ` of ${scene}` : ''}` }, place);
    area.dataset.scene = scene;
    chart(area, shown, Math.max(280, area.clientWidth - 2));
    area.scrollTop = places.get(scene) ?? 0;
    table(place, shown, open.has(scene));
    place.lastElementChild.dataset.scene = scene;
  }
}
