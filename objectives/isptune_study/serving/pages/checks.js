// Before the first pair of a sitting: the screen, the distance, and on the first day the colour plates.

import { all, announce, find, paragraphs } from './elements.js';
import { drawPlate, platesOf } from './plates.js';
import { browser, remembered } from './memory.js';

const CARD_MM = 53.98; // the short side of a bank card (ISO/IEC 7810 ID-1)

export function gamut() {
  if (!window.matchMedia('(color-gamut)').matches) return 'unknown';
  return ['rec2020', 'p3'].find((name) => window.matchMedia(`(color-gamut: ${name})`).matches) ?? 'srgb';
}

const submitted = (form) => new Promise((resolve) => {
  form.onsubmit = (event) => {
    event.preventDefault();
    resolve(new FormData(form));
  };
});

// Instructions, and the consent where it is still to be given; done once somebody begins.
export async function askWelcome(section, study, consents) {
  find('[data-title]', section).textContent = study.title || 'Picture study';
  const name = find('[data-name]', section);
  name.textContent = study.observer ? `Welcome, ${study.observer}` : '';
  name.hidden = !study.observer;
  paragraphs(find('[data-instructions]', section), study.instructions ?? []);
  paragraphs(find('[data-consent]', section), consents ? study.consent.text : []);
  for (const element of all('[data-if-consent]', section)) element.hidden = !consents;
  const form = find('form', section);
  form.elements.agree.required = Boolean(consents);
  await submitted(form);
}

// Lines of one pixel, upright in the left half and level in the right one.
class Stripes {
  constructor(canvas) {
    this.canvas = canvas;
    this.exact = true;
    this.observer = new ResizeObserver(([entry]) => this.draw(entry));
    try {
      this.observer.observe(canvas, { box: 'device-pixel-content-box' });
    } catch {
      this.exact = false;
      this.observer.observe(canvas);
    }
  }

  draw(entry) {
    const [box] = entry.devicePixelContentBoxSize ?? [];
    if (!box) this.exact = false;
    const width = box?.inlineSize ?? Math.round(entry.contentRect.width * devicePixelRatio);
    const height = box?.blockSize ?? Math.round(entry.contentRect.height * devicePixelRatio);
    if (width < 2 || height < 2) return;
    [this.canvas.width, this.canvas.height] = [width, height];
    const context = this.canvas.getContext('2d', { alpha: false });
    context.fillStyle = '#ffffff';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#000000';
    const half = Math.floor(width / 2);
    for (let x = 0; x < half; x += 2) context.fillRect(x, 0, 1, height);
    for (let y = 0; y < height; y += 2) context.fillRect(half, y, width - half, 1);
  }

  end() { this.observer.disconnect(); }
}

// What the screen is like, as the server's sitting wants it; values of the visit before are offered again.
export async function askScreen(section, study, steps) {
  const form = find('form', section);
  const { card, distance } = form.elements;
  const noCard = form.elements['no-card'];
  find('[data-steps]', section).textContent = String(steps);
  find('.kicker', section).hidden = steps < 2;
  const wanted = study.distance_cm;
  distance.closest('fieldset').hidden = wanted === null || wanted === undefined;
  distance.required = Boolean(wanted);
  find('[data-wanted]', section).textContent = wanted ? `Please sit ${wanted} cm from the screen.` : '';
  const before = remembered('screen');
  card.value = before.card ?? 204;
  if (wanted) distance.value = before.distance ?? wanted;
  const frame = find('[data-card]', section);
  const follow = () => {
    frame.style.width = `${card.value}px`;
    frame.style.height = `${Math.round(card.value * 85.6 / CARD_MM)}px`;
    card.setAttribute('aria-valuetext', `${card.value} pixels`);
    card.disabled = noCard.checked;
    frame.parentElement.hidden = noCard.checked;
  };
  card.oninput = follow;
  noCard.onchange = follow;
  follow();
  const stripes = new Stripes(find('[data-canvas=stripes]', section));
  const bands = find('[data-note=bands]', section);
  for (const choice of form.elements.stripes) choice.onchange = () => { bands.hidden = choice.value !== 'bands'; };
  const small = find('[data-note=small]', section);
  const size = () => {
    const least = study.screen;
    small.hidden = !least || (innerWidth >= least.width && innerHeight >= least.height);
    if (!small.hidden) {
      small.textContent = `This window has ${innerWidth} by ${innerHeight} pixels; the study asks for at least `
        + `${least.width} by ${least.height}. Please make it larger, or take a larger screen.`;
    }
  };
  size();
  addEventListener('resize', size);
  const wait = setInterval(() => { find('[data-note=inexact]', section).hidden = stripes.exact; }, 250);
  const given = await submitted(form);
  clearInterval(wait);
  removeEventListener('resize', size);
  stripes.end();
  browser.set('isptune-study/screen', JSON.stringify({ card: card.value, distance: distance.value }));
  const found = {
    width: screen.width,
    height: screen.height,
    pixel_ratio: devicePixelRatio,
    gamut: gamut(),
    exact: stripes.exact,
    agent: navigator.userAgent.slice(0, 300),
    stripes: given.get('stripes'),
  };
  if (wanted) found.distance_cm = Number(given.get('distance'));
  if (!noCard.checked) found.pixels_per_mm = Math.round(Number(card.value) * devicePixelRatio / CARD_MM * 100) / 100;
  return found;
}

// One plate after the other; what was shown and what was said.
export async function askPlates(section, study) {
  const form = find('form', section);
  const canvas = find('[data-canvas=plate]', section);
  const plates = platesOf(study.plates_seed ?? 1, study.plates);
  const answers = [];
  for (const plate of plates) {
    const count = `Plate ${answers.length + 1} of ${plates.length}`;
    find('[data-count]', section).textContent = count;
    drawPlate(canvas, plate);
    form.reset();
    form.elements.number.focus({ preventScroll: true });
    if (answers.length) announce(count);
    const none = new Promise((resolve) => { find('[data-do=no-number]', section).onclick = () => resolve(null); });
    const given = await Promise.race([submitted(form), none]);
    answers.push({ shown: plate.number, said: given ? String(given.get('number')).trim() : '' });
  }
  return answers;
}
