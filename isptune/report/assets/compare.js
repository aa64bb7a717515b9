// Two pictures on top of one another: what lies right of the divider is the right one.

function compare(figure) {
  const stage = figure.querySelector('.stage');
  const images = [...stage.querySelectorAll('img')];
  const divider = stage.querySelector('.divider');
  const range = figure.querySelector('input[type=range]');
  const [left, right] = ['left', 'right'].map((side) => figure.querySelector(`[data-side=${side}]`));
  const tags = ['left', 'right'].map((side) => stage.querySelector(`.tag.${side}`));
  const notes = figure.querySelector('[data-notes]');
  right.value = String(Math.min(1, images.length - 1));

  const set = (value) => {
    const at = Math.round(Math.min(100, Math.max(0, value)) * 10) / 10;
    stage.style.setProperty('--at', `${at}%`);
    range.value = String(at);
    divider.setAttribute('aria-valuenow', String(Math.round(at)));
    divider.setAttribute('aria-valuetext', `${Math.round(at)} % ${images[left.value].dataset.name}`);
  };
  const choose = () => {
    images.forEach((image, index) => {
      const sides = [Number(left.value) === index, Number(right.value) === index];
      image.hidden = !sides[0] && !sides[1];
      image.classList.toggle('under', sides[0]);
      image.classList.toggle('over', sides[1] && !sides[0]);
    });
    [left, right].forEach((select, side) => {
      tags[side].textContent = images[select.value].dataset.name;
    });
    notes.textContent = [left, right].map((select) => images[select.value].dataset)
      .map(({ name, note }) => (note ? `${name}: ${note}` : name)).join('; ') + '. ';
    set(Number(range.value));
  };

  const follow = (event) => {
    const area = stage.getBoundingClientRect();
    set((event.clientX - area.left) / area.width * 100);
  };
  stage.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    divider.focus({ preventScroll: true });
    follow(event);
  });
  stage.addEventListener('pointermove', (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  divider.addEventListener('keydown', (event) => {
    const now = Number(range.value);
    const to = {
      ArrowLeft: now - 2, ArrowDown: now - 2, ArrowRight: now + 2, ArrowUp: now + 2,
      PageDown: now - 10, PageUp: now + 10, Home: 0, End: 100,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    set(to);
  });
  range.addEventListener('input', () => set(Number(range.value)));
  left.addEventListener('change', choose);
  right.addEventListener('change', choose);
  choose();
}
