// The best so far beside the default, to look at.

import { all, find } from './elements.js';
import { Pictures } from './pictures.js';
import { Refused } from './requests.js';
import { Viewer } from './viewer.js';

export class Best {
  constructor(dialog, requests) {
    this.dialog = dialog;
    this.requests = requests;
    this.pictures = new Pictures(requests);
    this.viewer = null;
    const actions = {
      'flip-view': () => this.viewer.setView(this.viewer.view === 'flip' ? 'beside' : 'flip'),
      other: () => this.viewer.flip(),
      'zoom-in': () => this.viewer.zoomBy(1),
      'zoom-out': () => this.viewer.zoomBy(-1),
    };
    for (const button of all('[data-best]', dialog)) button.addEventListener('click', () => actions[button.dataset.best]());
    dialog.addEventListener('close', () => this.viewer?.clear());
  }

  async open() {
    const text = find('[data-text]', this.dialog);
    text.textContent = 'Loading …';
    this.viewer ??= new Viewer(find('[data-stage]', this.dialog), () => this.tools());
    this.viewer.clear();
    try {
      const { current, default: first } = await this.requests.get('api/best');
      const pair = { left: first, right: current };
      this.pictures.keep([pair]);
      this.viewer.show(await this.pictures.of(pair));
      text.textContent = 'Best by the answers so far. It may change as more of them come.';
    } catch (error) {
      text.textContent = error instanceof Refused && error.status === 404
        ? 'There is none yet: it needs a few answers first.' : error.message;
    }
  }

  tools() {
    const { viewer } = this;
    if (!viewer) return;
    find('[data-best=flip-view]', this.dialog).setAttribute('aria-pressed', String(viewer.view === 'flip'));
    find('[data-best=other]', this.dialog).hidden = viewer.view !== 'flip';
    find('[data-zoom]', this.dialog).textContent = `${viewer.zoom}×`;
  }
}
