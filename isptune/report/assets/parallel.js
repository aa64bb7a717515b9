// Parallel coordinates: upright axes where their names fit side by side, level ones below each other otherwise.

const RAMP = ['--ramp-0', '--ramp-1', '--ramp-2'];

function rampColour(share) {
  const at = Math.min(Math.max(share, 0), 1) * 2;
  const part = Math.min(1, Math.floor(at));
  const mix = Math.round((at - part) * 100);
  return `color-mix(in oklab, var(${RAMP[part + 1]}) ${mix}%, var(${RAMP[part]}))`;
}

function parallel(place, spec) {
  const state = { view: 0, by: 0 };
  const several = new Set(spec.lines.map((line) => line.objective)).size > 1;
  const choices = [
    ...(spec.lines.every((line) => known(line.loss)) ? [['hidden loss', 'loss']] : []),
    ...(several ? [['objective', 'objective']] : [['score', 'score']]),
  ];
  const names = [];
  for (const line of spec.lines) {
    if (!names.some((one) => one.name === line.objective)) names.push({ name: line.objective, colour: line.colour });
  }
  const shown = new Set(names.map((one) => one.name));
  const { bar, again } = mount(place, (box) => {
    const by = choices[state.by][1];
    const view = spec.views[state.view];
    const key = state.view === 0 ? ['parameters', 'written'] : ['levels', 'writtenLevels'];
    const used = spec.lines.filter((line) => shown.has(line.objective));
    const room = parallelRoom(box, view.axes);
    const { svg, names: labels } = parallelFrame(box, view.axes, room);
    const threads = draw('g', {}, svg);
    svg.append(labels);
    const values = used.map((line) => line[by]).filter(known);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    // Blue is always the better end.
    const turned = by === 'score' && spec.higherIsBetter;
    const share = (value) => (high > low ? (value - low) / (high - low) : 0);
    const paint = (line) => (by === 'objective' ? colour(line.colour)
      : rampColour(turned ? 1 - share(line[by]) : share(line[by])));
    const paths = used.map((line) => {
      const at = line[key[0]].map((value, index) => room.place(index, value));
      const path = draw('path', { class: 'thread', d: `M${at.map((p) => p.map((v) => v.toFixed(1)).join(',')).join('L')}` }, threads);
      path.style.stroke = paint(line);
      return { line, at, path };
    });
    if (by === 'loss') ramp(box, 'hidden L1 loss (share of range)', low, high);
    if (by === 'score') ramp(box, 'score', ...(turned ? [high, low] : [low, high]));
    return parallelReader(paths, view.axes, key[1], room);
  });
  if (several) legend(bar, names, shown, again);
  const set = (name) => (index) => {
    state[name] = index;
    again();
  };
  if (spec.views.length > 1) menu(bar, 'Axes', spec.views.map((view) => view.label), set('view'));
  if (choices.length > 1) menu(bar, 'Colour', choices.map(([name]) => name), set('by'));
}

function parallelRoom(box, axes) {
  const width = Math.max(220, Math.floor(box.clientWidth));
  const widest = Math.max(...axes.map((axis) => Math.max(textWidth(axis.name, 13), textWidth(axis.high))));
  const upright = axes.length > 1 && (width - 20) / axes.length > widest + 18;
  if (upright) {
    const side = Math.ceil(widest / 2) + 6;
    const gap = (width - 2 * side) / (axes.length - 1);
    return {
      upright, width, height: 320, top: 46, bottom: 296,
      place: (index, value) => [side + index * gap, 296 - value * 250],
    };
  }
  return {
    upright, width, height: axes.length * 60 + 4,
    place: (index, value) => [14 + value * (width - 28), 34 + index * 60],
  };
}

function parallelFrame(box, axes, room) {
  const { width, height, place, upright } = room;
  const svg = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }, box);
  const names = draw('g', {}, svg);
  const write = (kind, x, y, anchor, text) => {
    draw('text', { class: `${kind} over-lines`, x, y, 'text-anchor': anchor }, names, text);
  };
  axes.forEach((axis, index) => {
    const [x1, y1] = place(index, 0);
    const [x2, y2] = place(index, 1);
    draw('line', { class: 'axis', x1, y1, x2, y2 }, svg);
    if (upright) {
      write('stage-name', x1, 14, 'middle', axis.name);
      write('tick', x1, y2 - 8, 'middle', axis.high);
      write('tick', x1, y1 + 18, 'middle', axis.low);
    } else {
      write('stage-name', width / 2, y1 - 8, 'middle', axis.name);
      write('tick', 2, y1 - 8, 'start', axis.low);
      write('tick', width - 2, y1 - 8, 'end', axis.high);
    }
  });
  return { svg, names };
}

function ramp(box, name, best, worst) {
  const line = make('div', { class: 'ramp' }, box);
  make('span', {}, line, `${name}: ${format(best, 3)}`);
  make('i', {}, line);
  make('span', {}, line, format(worst, 3));
}

function distance(point, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy || 1;
  const share = Math.min(1, Math.max(0, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length));
  return Math.hypot(point[0] - a[0] - share * dx, point[1] - a[1] - share * dy);
}

function parallelReader(paths, axes, written, room) {
  let current = -1;
  const highlight = (found, screenX, screenY) => {
    for (const { path } of paths) path.classList.toggle('faded', path !== found.path);
    found.path.classList.add('chosen');
    found.path.parentNode.append(found.path);
    const rows = axes.map((axis, index) => [null, axis.name, found.line[written][index]]);
    rows.unshift([null, 'score', format(found.line.score)]);
    if (known(found.line.loss)) rows.unshift([null, 'hidden loss', format(found.line.loss)]);
    showTooltip(`${found.line.objective}, ${found.line.name}`, rows, screenX, screenY);
  };
  const leave = () => {
    hideTooltip();
    for (const { path } of paths) path.classList.remove('faded', 'chosen');
  };
  let keyed = null;
  const move = (x, y, screenX, screenY) => {
    leave();
    if (keyed) {
      const found = keyed;
      keyed = null;
      highlight(found, screenX, screenY);
      return;
    }
    let nearest = null;
    let least = 18;
    for (const one of paths) {
      const parts = one.at.length > 1 ? one.at.slice(1).map((b, index) => [one.at[index], b]) : [[one.at[0], one.at[0]]];
      for (const [a, b] of parts) {
        const away = distance([x, y], a, b);
        if (away < least) [nearest, least] = [one, away];
      }
    }
    if (nearest) highlight(nearest, screenX, screenY);
  };
  const step = (by) => {
    current = Math.min(Math.max(current + by, 0), paths.length - 1);
    keyed = paths[current];
    return keyed.at[Math.min(1, keyed.at.length - 1)];
  };
  return { move, step, leave };
}
