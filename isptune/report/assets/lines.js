// Lines with bands: convergence and targets reached.

function stepPath(xs, ys, at, step) {
  let path = '';
  let before = null;
  xs.forEach((x, index) => {
    const y = ys[index];
    if (!known(y) || (at.y.log && y <= 0) || (at.x.log && x <= 0)) {
      before = null;
      return;
    }
    const [px, py] = [at.x(x).toFixed(1), at.y(y).toFixed(1)];
    path += before === null ? `M${px},${py}` : step ? `H${px}V${py}` : `L${px},${py}`;
    before = y;
  });
  return path;
}

// The closed outline between two step lines.
function bandPath(one, at) {
  const low = [];
  const high = [];
  one.x.forEach((x, index) => {
    let [below, above] = [one.low[index], one.high[index]];
    if (!known(below) || !known(above) || (at.x.log && x <= 0)) return;
    if (at.y.log) {
      if (above <= 0) return;
      below = Math.max(below, at.y.domain[0]);
    }
    low.push([at.x(x), at.y(below)]);
    high.push([at.x(x), at.y(above)]);
  });
  if (low.length < 2) return '';
  const points = (x, y) => `H${x.toFixed(1)}V${y.toFixed(1)}`;
  const there = high.slice(1).map(([x, y]) => points(x, y)).join('');
  // On the way back the level between two places is that of the left one, so the step comes first.
  const back = low.reverse().map(([x, y]) => `V${y.toFixed(1)}H${x.toFixed(1)}`).join('');
  return `M${high[0][0].toFixed(1)},${high[0][1].toFixed(1)}${there}${back}Z`;
}

function valueAt(one, x) {
  let [low, high] = [0, one.x.length - 1];
  if (x < one.x[0]) return null;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (one.x[middle] <= x) low = middle;
    else high = middle - 1;
  }
  return low;
}

function lines(place, spec) {
  const state = { slice: 0, logX: Boolean(spec.x.log), logY: Boolean(spec.y.log) };
  const names = [];
  for (const part of spec.slices) {
    for (const one of part.series) if (!names.some((other) => other.name === one.name)) names.push(one);
  }
  const shown = new Set(names.map((one) => one.name));
  const { bar, again } = mount(place, (box) => {
    const series = spec.slices[state.slice].series.filter((one) => shown.has(one.name));
    const all = (key) => series.flatMap((one) => one[key] ?? []);
    const x = { ...spec.x, log: state.logX, tight: true };
    const y = { ...spec.y, log: state.logY };
    x.domain = extent(all('x'), x, x.log);
    y.domain = extent([...all('y'), ...all('low'), ...all('high')], y, y.log);
    const made = frame(box, x, y, box.clientWidth < 420 ? 250 : 300);
    for (const one of series.filter((other) => other.low)) {
      draw('path', { class: 'band', d: bandPath(one, made.at), fill: colour(one.colour) }, made.body);
    }
    for (const one of series) {
      const style = { class: 'line', stroke: colour(one.colour), 'stroke-dasharray': dash(one.colour) };
      draw('path', { ...style, d: stepPath(one.x, one.y, made.at, spec.step) }, made.body);
    }
    return reader(made, series, spec);
  });
  if (names.length > 1) legend(bar, names, shown, again);
  if (spec.slices.length > 1) {
    menu(bar, 'Runs of', spec.slices.map((part) => part.label), (index) => {
      state.slice = index;
      again();
    });
  }
  const change = (key) => (value) => {
    state[key] = value;
    again();
  };
  if (spec.x.canLog) toggle(bar, 'log evaluations', state.logX, change('logX'));
  if (spec.y.canLog) toggle(bar, 'log normalised l1', state.logY, change('logY'));
}

// A line at the place that is read, and the values of all series there.
function reader(made, series, spec) {
  const { at, margin, inner } = made;
  const marks = draw('g', {}, made.svg);
  const places = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  let current = -1;
  const show = (one, value) => (spec.y.share ? percent(value) : format(value));
  const move = (px, _py, screenX, screenY) => {
    const inside = Math.min(Math.max(px, margin.left), margin.left + inner.width);
    const x = spec.x.whole ? Math.round(at.x.back(inside)) : at.x.back(inside);
    current = places.findLastIndex((other) => other <= x + 1e-9);
    marks.replaceChildren();
    const line = { class: 'cross', x1: at.x(x), x2: at.x(x), y1: margin.top, y2: margin.top + inner.height };
    draw('line', line, marks);
    const rows = [];
    for (const one of series) {
      const index = valueAt(one, x);
      if (index === null || !known(one.y[index])) continue;
      const band = one.low ? ` (${show(one, one.low[index])} to ${show(one, one.high[index])})` : '';
      rows.push([one.colour, one.name, show(one, one.y[index]) + band]);
      if (at.y.log && one.y[index] <= 0) continue;
      marker(marks, one.colour, at.x(x), at.y(one.y[index]), 4);
    }
    showTooltip(`${format(x, 5)} ${spec.x.label}`, rows, screenX, screenY);
  };
  const step = (by) => {
    current = Math.min(Math.max(current + by, 0), places.length - 1);
    return [at.x(places[current]), margin.top + inner.height / 3];
  };
  return { move, step, leave: () => marks.replaceChildren() };
}
