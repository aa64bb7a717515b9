// What charts share: controls above the plot, drawing again when the width changes, pointer and keyboard.

// A legend of buttons that hide and show series; it returns which are shown.
function legend(bar, series, shown, again, marks = false) {
  for (const one of series) {
    const button = make('button', { type: 'button', class: 'key', 'aria-pressed': 'true' }, bar);
    const swatch = draw('svg', { width: marks ? 14 : 22, height: 14, 'aria-hidden': 'true' }, button);
    const style = { x1: 1, x2: 21, y1: 7, y2: 7, stroke: colour(one.colour), 'stroke-width': 3 };
    if (marks) marker(swatch, one.colour, 7, 7);
    else draw('line', { ...style, 'stroke-dasharray': dash(one.colour) }, swatch);
    make('span', {}, button, one.name);
    button.title = `Hide or show ${one.name}`;
    button.addEventListener('click', () => {
      if (shown.has(one.name)) shown.delete(one.name);
      else shown.add(one.name);
      button.setAttribute('aria-pressed', String(shown.has(one.name)));
      again();
    });
  }
}

// An entry of a legend that is no button.
function legendMark(bar, name, mark) {
  const item = make('span', { class: 'key' }, bar);
  mark(draw('svg', { width: 14, height: 14, 'aria-hidden': 'true' }, item));
  make('span', {}, item, name);
}

function toggle(bar, name, pressed, change) {
  const button = make('button', { type: 'button', class: 'toggle', 'aria-pressed': String(pressed) }, bar, name);
  button.addEventListener('click', () => {
    const now = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(now));
    change(now);
  });
}

function menu(bar, name, labels, change) {
  const label = make('label', {}, bar, `${name} `);
  const select = make('select', {}, label);
  labels.forEach((text, index) => make('option', { value: index }, select, text));
  select.addEventListener('change', () => change(Number(select.value)));
}

// Put controls and plot into a figure; render(box) draws into an empty box and returns {move, step, leave}.
function mount(place, render) {
  const bar = make('div', { class: 'controls' }, place);
  const box = make('div', { class: 'canvas', tabindex: 0, role: 'group' }, place);
  box.setAttribute('aria-label', `${place.dataset.description} The arrow keys read its values.`);
  let drawn = {};
  let width = 0;
  const again = () => {
    hideTooltip();
    box.replaceChildren();
    drawn = render(box) ?? {};
  };
  const local = (event) => {
    const area = box.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  const leave = () => {
    hideTooltip();
    drawn.leave?.();
  };
  const move = (event) => drawn.move?.(...local(event), event.clientX, event.clientY);
  box.addEventListener('pointermove', move);
  box.addEventListener('pointerdown', move);
  box.addEventListener('pointerleave', leave);
  box.addEventListener('blur', leave);
  box.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === 'Escape') leave();
    if (!step || !drawn.step) return;
    event.preventDefault();
    const area = box.getBoundingClientRect();
    const [x, y] = drawn.step(step, area.width);
    drawn.move(x, y, area.left + x, area.top + y);
  });
  new ResizeObserver(() => {
    if (Math.abs(box.clientWidth - width) < 1) return;
    width = box.clientWidth;
    again();
  }).observe(box);
  return { bar, again };
}
