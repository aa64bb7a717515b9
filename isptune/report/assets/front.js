// The front of two objectives: its candidates on stairs over what they dominate, the best compromise in a ring.

function front(place, spec) {
  const state = { all: false };
  const [xs, ys] = spec.front;
  const { bar, again } = mount(place, (box) => {
    const [x, y] = ['x', 'y'].map((key, index) => {
      const { label, window: near } = spec[key];
      return { label, domain: state.all ? extent([...near, ...spec.others[index]], {}, false) : near };
    });
    const made = frame(box, x, y, box.clientWidth < 420 ? 320 : 420);
    const { at, body } = made;
    const [others, stairs] = [spec.others, spec.stairs];
    draw('path', { class: 'dots dominated', d: dots(...others, at) }, body);
    draw('path', { class: 'stairs', d: stepPath(...stairs, at, false) }, body);
    const losses = (spec.losses ?? []).filter(known);
    const [low, high] = [Math.min(...losses), Math.max(...losses)];
    const paint = (index) => (losses.length ? rampColour(high > low ? (spec.losses[index] - low) / (high - low) : 0)
      : colour(spec.colour));
    // The best compromise comes first; it is drawn last.
    for (let index = xs.length - 1; index >= 0; index -= 1) {
      const circle = draw('circle', { class: 'front-point', cx: at.x(xs[index]), cy: at.y(ys[index]), r: 5 }, body);
      circle.style.fill = paint(index);
    }
    draw('circle', { class: 'ring', cx: at.x(xs[0]), cy: at.y(ys[0]), r: 9 }, body);
    if (losses.length) ramp(box, 'normalised l1', low, high);
    const loss = (index) => (losses.length ? [[null, 'normalised l1', format(spec.losses[index])]] : []);
    const inside = (value, axis) => value >= axis.domain[0] && value <= axis.domain[1];
    return pointReader(
      made,
      { x, y },
      xs.map((value, index) => [value, ys[index], spec.names[index], loss(index)]),
      others[0].map((value, index) => [value, others[1][index], 'dominated evaluation'])
        .filter(([first, second]) => inside(first, x) && inside(second, y)),
    );
  });
  legendMark(bar, spec.answer, (svg) => draw('circle', { class: 'ring', cx: 7, cy: 7, r: 6 }, svg));
  legendMark(bar, `front (${xs.length})`, (svg) => draw('circle', { cx: 7, cy: 7, r: 5, fill: colour(spec.colour) }, svg));
  if (!spec.others[0].length) return;
  legendMark(bar, 'dominated', (svg) => draw('circle', { class: 'grey-point', cx: 7, cy: 7, r: 3 }, svg));
  const outside = ['x', 'y'].some((key, index) => spec.others[index].some((value) => (
    value < spec[key].window[0] || value > spec[key].window[1])));
  if (outside) {
    toggle(bar, 'all evaluations', state.all, (value) => {
      state.all = value;
      again();
    });
  }
}
