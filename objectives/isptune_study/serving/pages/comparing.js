// One pair after the other. The next one shows only when the server has said that the answer is kept.

import { all, announce, find, sleep } from './elements.js';
import { gamut } from './checks.js';
import { Clock } from './clock.js';
import { meaningOf } from './keys.js';
import { newKey } from './memory.js';
import { Pictures } from './pictures.js';
import { Refused } from './requests.js';
import { Viewer } from './viewer.js';

const BLANK = 200; // milliseconds of grey between two pairs, so that they are not taken for a flip
const PATIENCE = 4000; // milliseconds of waiting for pictures that are being made before the page says more of it
const STOPPED = 10_000; // until a stopped study is asked again
const GUARD = 300; // until an answer counts: nobody judges faster, and a double click is one answer

export class Comparing {
  // go(state, data) shows another state of the page.
  constructor(section, { requests, pending, sitting, study, channel, go }) {
    Object.assign(this, { section, requests, pending, sitting, study, channel, go });
    this.pictures = new Pictures(requests);
    this.viewer = new Viewer(find('[data-stage]', section), () => this.tools());
    this.queue = [];
    this.current = null;
    [this.asked, this.turn] = [0, 0];
    [this.active, this.ready, this.saving] = [false, false, false];
    this.progress = study.progress;
    if (study.question) find('[data-question]', section).textContent = study.question;
    this.listen();
    this.count();
  }

  listen() {
    for (const button of all('[data-answer]', this.section)) {
      button.addEventListener('click', (event) => {
        // The second click of a double click is none of its own.
        if (event.detail > 1) return;
        const input = event.detail === 0 ? 'keyboard' : event.pointerType || 'mouse';
        if (event.detail) find('[data-stage]', this.section).focus({ preventScroll: true });
        this.answer(Number(button.dataset.answer), input);
      });
    }
    const actions = {
      other: () => this.viewer.flip(),
      'flip-view': () => this.viewer.setView(this.viewer.view === 'flip' ? 'beside' : 'flip'),
      reference: () => this.viewer.toggleReference(),
      'zoom-in': () => this.viewer.zoomBy(1),
      'zoom-out': () => this.viewer.zoomBy(-1),
      'zoom-back': () => this.viewer.zoomBack(),
      pause: () => this.go('pause'),
      keys: () => this.go('keys'),
    };
    for (const button of all('[data-do]', this.section)) {
      const action = actions[button.dataset.do];
      if (action) button.addEventListener('click', action);
    }
    addEventListener('keydown', (event) => {
      if (!this.active) return;
      const meaning = meaningOf(event, find('#letters').checked);
      if (!meaning) return;
      event.preventDefault();
      if (meaning.move) this.viewer.panStep(...meaning.move);
      else if (meaning.answer !== undefined && !event.repeat) this.answer(meaning.answer, 'keyboard');
      else if (meaning.action && !event.repeat) actions[meaning.action]();
    });
    document.addEventListener('visibilitychange', () => {
      this.time();
      if (!document.hidden && this.active) this.load();
    });
    for (const change of ['resize', 'scroll']) visualViewport?.addEventListener(change, () => this.pinch());
  }

  get pinched() { return Math.abs((visualViewport?.scale ?? 1) - 1) > 0.01; }

  // Says that the page is zoomed, in the part of it that is seen.
  pinch() {
    const panel = find('[data-panel=pinch]', this.section);
    panel.hidden = !this.pinched;
    if (this.pinched) {
      panel.style.left = `${visualViewport.offsetLeft}px`;
      panel.style.top = `${visualViewport.offsetTop}px`;
      panel.style.width = `${visualViewport.width}px`;
    }
    this.cover();
    this.time();
  }

  cover() {
    find('[data-cover]', this.section).hidden = all('[data-panel]', this.section).every((panel) => panel.hidden);
  }

  time() { this.clock?.run(this.active && !document.hidden && !this.pinched && !find('dialog[open]')); }

  // The comparison is what the page shows, or is so no longer.
  activate(active) {
    if (active && !this.active) this.began ??= performance.now();
    this.active = active;
    this.time();
    if (active) this.pinch();
  }

  // A pause has refreshed: the time to the next break begins anew.
  rested() { this.began = performance.now(); }

  get breakIsDue() {
    const minutes = this.study.break_minutes;
    return Boolean(minutes) && performance.now() - this.began > minutes * 60_000;
  }

  // While an answer is on its way the list is about to change; it is asked for after it.
  async load() {
    if (this.saving) return;
    this.asked += 1;
    const { asked } = this;
    try {
      const next = await this.requests.get('api/next?count=2');
      if (asked === this.asked) this.take(next);
    } catch (error) {
      this.go('refused', error);
    }
  }

  take({ state, wait_ms: wait, trials }) {
    if (state !== 'open' || !trials.length) {
      this.forget();
      if (state === 'stopped' || state === 'done') this.go(state);
      if (state !== 'done') this.again(state === 'stopped' ? STOPPED : wait ?? 1000, state);
      return;
    }
    this.waiting = null;
    this.queue = trials.slice(1);
    this.pictures.keep(this.current ? [...trials, this.current] : trials);
    for (const trial of trials) this.pictures.prepare(trial);
    if (this.current?.trial !== trials[0].trial) this.present(trials[0]);
    this.go('compare');
  }

  // A short wait does not take the grey away: the eyes stay used to it.
  async again(milliseconds, state) {
    const { asked } = this;
    this.waiting ??= performance.now();
    if (state !== 'stopped') {
      if (this.active && performance.now() - this.waiting < PATIENCE) this.busy(performance.now() - this.waiting > 400);
      else this.go('wait');
    }
    await sleep(milliseconds);
    if (asked === this.asked) this.load();
  }

  forget() {
    this.turn += 1;
    delete find('[data-stage]', this.section).dataset.trial;
    [this.current, this.queue, this.ready] = [null, [], false];
    this.viewer.clear();
  }

  async present(trial) {
    this.turn += 1;
    const { turn } = this;
    [this.current, this.ready] = [trial, false];
    delete find('[data-stage]', this.section).dataset.trial;
    this.viewer.clear();
    const busy = setTimeout(() => this.busy(turn === this.turn), 500);
    try {
      const [pictures] = await Promise.all([this.pictures.of(trial), sleep(BLANK)]);
      if (turn !== this.turn) return;
      this.viewer.show(pictures);
    } catch (error) {
      if (turn !== this.turn) return;
      this.go('refused', error instanceof Refused ? error : new Error(`A picture of this pair cannot be shown (${error.message}).`));
      return;
    } finally {
      clearTimeout(busy);
      if (turn === this.turn) this.busy(false);
    }
    await new Promise(requestAnimationFrame);
    if (turn !== this.turn) return;
    this.clock = new Clock();
    this.time();
    this.ready = true;
    find('[data-stage]', this.section).dataset.trial = trial.trial;
    this.count();
    announce(`${trial.training ? 'Practice. ' : ''}${this.countText(1)}`);
  }

  busy(on) {
    find('[data-panel=busy]', this.section).hidden = !on;
    this.cover();
  }

  answer(share, input) {
    if (!this.active || !this.ready || this.saving || this.pinched || this.clock.milliseconds < GUARD) return;
    const { viewer, current } = this;
    if (viewer.seen.size < 2) {
      announce('Look at both pictures first.');
      this.say('Look at both pictures first.');
      return;
    }
    this.time();
    const given = {
      trial: current.trial,
      share,
      key: newKey(),
      seconds: Math.round(this.clock.seen) / 1000,
      details: {
        scale: Math.round(devicePixelRatio * 10000) / 10000,
        zoom: viewer.zoom,
        ...viewer.counts,
        gamut: gamut(),
        input: ['keyboard', 'mouse', 'touch', 'pen'].includes(input) ? input : 'other',
        view: viewer.view,
        side: viewer.reference ? 'none' : viewer.showing,
        exact: viewer.exact,
        width: innerWidth,
        height: innerHeight,
        hidden_seconds: Math.round(this.clock.hidden) / 1000,
      },
    };
    if (this.sitting.number) given.sitting = this.sitting.number;
    this.send(given);
  }

  async send(given) {
    this.saving = true;
    this.asked += 1;
    for (const button of all('[data-answer]', this.section)) {
      button.toggleAttribute('data-chosen', Number(button.dataset.answer) === given.share);
    }
    const slow = setTimeout(() => this.say('Saving …'), 400);
    this.pending.keep(given);
    try {
      await this.deliver(given);
    } catch (error) {
      this.go('refused', error);
      return;
    } finally {
      clearTimeout(slow);
      this.saving = false;
      this.say('');
      for (const button of all('[data-answer]', this.section)) button.removeAttribute('data-chosen');
    }
    this.channel?.postMessage({ answered: given.trial });
    this.count();
    const next = this.queue.shift();
    if (this.breakIsDue) {
      this.forget();
      this.go('pause', { isBreak: true });
      return;
    }
    if (next) this.present(next);
    else this.forget();
    this.load();
  }

  // Sends until the server has it. What was answered before, in another tab, stays as it was.
  async deliver(given) {
    try {
      const { progress } = await this.requests.post('api/answers', given);
      this.progress = progress;
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 401) throw error;
      this.pending.drop(given);
      if (error.status !== 409) throw error;
      this.progress = (await this.requests.get('api/study')).progress;
      announce('This pair was answered before. Here is the next one.');
    }
    this.pending.drop(given);
  }

  // Another tab has answered.
  answeredElsewhere(trial) {
    if (!this.saving && (this.current?.trial === trial || this.queue.some((one) => one.trial === trial))) this.load();
  }

  say(text) { find('[data-saving]', this.section).textContent = text; }

  countText(ahead = 0) {
    const { answered, total } = this.progress;
    if (total === null) return ahead ? `Pair ${answered + ahead}` : `${answered} answered`;
    return `${Math.min(answered + ahead, total)} of ${total}`;
  }

  count() {
    const { answered, total } = this.progress;
    const bar = find('[data-progress]', this.section);
    bar.hidden = total === null;
    if (total) [bar.max, bar.value] = [total, answered];
    find('[data-count]', this.section).textContent = this.countText(1);
    find('[data-kind]', this.section).hidden = !this.current?.training;
  }

  tools() {
    const { viewer } = this;
    if (!viewer) return; // it draws while it is made
    const press = (name, pressed) => find(`[data-do=${name}]`, this.section).setAttribute('aria-pressed', String(pressed));
    press('flip-view', viewer.view === 'flip');
    press('reference', viewer.reference);
    find('[data-do=reference]', this.section).hidden = !viewer.hasReference;
    find('[data-do=other]', this.section).hidden = viewer.view !== 'flip';
    find('[data-zoom]', this.section).textContent = `${viewer.zoom}×`;
    if (viewer.seen.size > 1) this.say('');
  }
}
