// Two pictures, pixel by pixel: every pixel of a picture lies on whole pixels of the screen, without smoothing.

import { all, find } from './elements.js';

export const ZOOMS = [1, 2, 3, 4, 6, 8];
const SURROUND = '#777777'; // the neutral grey of study.css

// Watches a canvas so that it has exactly as many pixels as the screen gives it.
class Sheet {
  constructor(canvas, draw) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
    this.draw = draw;
    this.exact = true;
    this.observer = new ResizeObserver(([entry]) => this.resize(entry));
    try {
      this.observer.observe(canvas, { box: 'device-pixel-content-box' });
    } catch {
      this.exact = false; // WebKit does not know that box
      this.observer.observe(canvas);
    }
  }

  resize(entry) {
    const [box] = entry.devicePixelContentBoxSize ?? [];
    if (!box) this.exact = false;
    const width = box ? box.inlineSize : Math.round(entry.contentRect.width * devicePixelRatio);
    const height = box ? box.blockSize : Math.round(entry.contentRect.height * devicePixelRatio);
    if (width < 1 || height < 1) return;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    this.draw();
  }

  paint(picture, zoom, pan) {
    const { context, canvas: { width, height } } = this;
    context.fillStyle = SURROUND;
    context.fillRect(0, 0, width, height);
    if (!picture) return;
    const wide = picture.width * zoom;
    const high = picture.height * zoom;
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, Math.floor((width - wide) / 2) + pan.x, Math.floor((height - high) / 2) + pan.y, wide, high);
  }
}

export class Viewer {
  // stage holds two figures with a canvas each; onChange is called after the view has changed.
  constructor(stage, onChange = () => {}) {
    this.stage = stage;
    this.onChange = onChange;
    this.figures = all('figure', stage);
    this.names = this.figures.map((figure) => find('figcaption', figure).textContent);
    this.pictures = {};
    this.preferred = null; // 'beside' or 'flip' once somebody has chosen
    this.reset();
    this.sheets = this.figures.map((figure) => new Sheet(find('canvas', figure), () => this.arrange()));
    this.follow();
    addEventListener('resize', () => this.arrange());
  }

  reset() {
    this.zoom = 1;
    this.pan = { x: 0, y: 0 };
    this.side = 'left'; // which one is shown where one is shown at a time
    this.reference = false;
    this.seen = new Set();
    this.counts = { flips: 0, reference_flips: 0, pans: 0 };
  }

  get exact() { return this.sheets.every((sheet) => sheet.exact); }

  get view() { return this.preferred ?? (this.fitsBeside() ? 'beside' : 'flip'); }

  get showing() { return this.view === 'beside' ? 'both' : this.side; }

  get hasReference() { return Boolean(this.pictures.reference); }

  // Side by side where both fit, or where the window is wide anyway. The height of the stage follows from the
  // view: it must not decide on it, or the one would chase the other.
  fitsBeside() {
    if (innerWidth >= innerHeight) return true;
    const { left, right } = this.pictures;
    return Boolean(left && right) && left.width + right.width <= (this.stage.clientWidth - 24) * devicePixelRatio;
  }

  show(pictures) {
    this.reset();
    this.pictures = pictures;
    this.arrange();
  }

  clear() {
    this.pictures = {};
    this.draw();
  }

  arrange() {
    if (!this.sheets) return; // while they are made
    const { view } = this;
    this.stage.dataset.view = view;
    if (view === 'beside') this.seen.add('left').add('right');
    else this.seen.add(this.side);
    this.figures[1].hidden = view === 'flip';
    this.draw();
  }

  draw() {
    this.clamp();
    this.figures.forEach((figure, place) => {
      const own = this.view === 'flip' ? this.side : ['left', 'right'][place];
      const name = this.reference ? 'Reference' : this.names[own === 'left' ? 0 : 1];
      find('figcaption', figure).textContent = name;
      find('canvas', figure).setAttribute('aria-label', this.reference ? 'Reference' : `${name} picture`);
      this.sheets[place].paint(this.pictures[this.reference ? 'reference' : own], this.zoom, this.pan);
    });
    this.onChange();
  }

  setView(view) {
    this.preferred = view;
    this.arrange();
  }

  // One at a time, and the other one than before.
  flip() {
    if (this.reference) this.reference = false;
    else if (this.view === 'flip') this.side = this.side === 'left' ? 'right' : 'left';
    this.counts.flips += 1;
    this.setView('flip');
  }

  toggleReference() {
    if (!this.hasReference) return;
    this.reference = !this.reference;
    this.counts.reference_flips += 1;
    this.draw();
  }

  // The point at (x, y), in pixels of the screen from the canvas's middle, stays where it is.
  zoomBy(steps, x = 0, y = 0) {
    const place = Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(this.zoom) + steps));
    const ratio = ZOOMS[place] / this.zoom;
    if (ratio === 1) return;
    this.zoom = ZOOMS[place];
    this.pan = { x: Math.round(x + (this.pan.x - x) * ratio), y: Math.round(y + (this.pan.y - y) * ratio) };
    this.draw();
  }

  zoomBack() {
    this.zoom = 1;
    this.pan = { x: 0, y: 0 };
    this.draw();
  }

  panBy(x, y) {
    const before = { ...this.pan };
    this.pan = { x: this.pan.x + Math.round(x), y: this.pan.y + Math.round(y) };
    this.clamp();
    if (before.x === this.pan.x && before.y === this.pan.y) return;
    this.draw();
  }

  panStep(x, y) {
    const step = Math.max(16, Math.round(Math.min(this.sheets[0].canvas.width, this.sheets[0].canvas.height) / 8));
    this.counts.pans += 1;
    this.panBy(x * step, y * step);
  }

  // No picture is moved further than its edge to the edge of the canvas.
  clamp() {
    const shown = Object.values(this.pictures).filter(Boolean);
    const { width, height } = this.sheets[0].canvas;
    const limit = (sizes, room) => Math.max(0, ...sizes.map((size) => Math.ceil((size * this.zoom - room) / 2)));
    const [x, y] = [
      limit(shown.map((one) => one.width), width), limit(shown.map((one) => one.height), height),
    ];
    this.pan = { x: Math.min(x, Math.max(-x, this.pan.x)), y: Math.min(y, Math.max(-y, this.pan.y)) };
  }

  // Drag, two fingers, wheel, and a click where one picture is shown at a time.
  follow() {
    for (const canvas of all('canvas', this.stage)) {
      const fingers = new Map();
      let [moved, start] = [0, null];
      const fromMiddle = (event) => {
        const box = canvas.getBoundingClientRect();
        return [
          Math.round((event.clientX - box.left - box.width / 2) * devicePixelRatio),
          Math.round((event.clientY - box.top - box.height / 2) * devicePixelRatio),
        ];
      };
      const apart = () => {
        const [one, other] = [...fingers.values()];
        return Math.hypot(one.x - other.x, one.y - other.y);
      };
      canvas.addEventListener('pointerdown', (event) => {
        if (event.button) return;
        canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        if (fingers.size === 1) moved = 0;
        if (fingers.size === 2) start = apart();
      });
      canvas.addEventListener('pointermove', (event) => {
        const finger = fingers.get(event.pointerId);
        if (!finger) return;
        const [x, y] = [event.clientX - finger.x, event.clientY - finger.y];
        moved += Math.abs(x) + Math.abs(y);
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        if (fingers.size === 1 && moved > 6) this.panBy(x * devicePixelRatio, y * devicePixelRatio);
        if (fingers.size !== 2) return;
        const ratio = apart() / Math.max(start, 1);
        if (ratio > 0.7 && ratio < 1.4) return;
        this.zoomBy(ratio > 1 ? 1 : -1, ...fromMiddle(event));
        start = apart();
      });
      const end = (event) => {
        if (!fingers.delete(event.pointerId) || fingers.size) return;
        if (moved > 6) this.counts.pans += 1;
        else if (start === null && event.type === 'pointerup' && this.view === 'flip') this.flip();
        start = null;
      };
      canvas.addEventListener('pointerup', end);
      canvas.addEventListener('pointercancel', end);
      let turned = 0;
      canvas.addEventListener('wheel', (event) => {
        event.preventDefault();
        turned += event.deltaMode ? event.deltaY * 40 : event.deltaY;
        if (Math.abs(turned) < (event.ctrlKey ? 20 : 90)) return;
        this.zoomBy(turned < 0 ? 1 : -1, ...fromMiddle(event));
        turned = 0;
      }, { passive: false });
    }
  }
}
