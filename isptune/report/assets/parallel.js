// Parallel coordinates: upright axes where their names fit side by side, level ones below each other otherwise.

function parallel(place, spec) {
  const state = { view: 0, by: 0 };
  const several = new Set(spec.lines.map((line) => line.objective)).size > 1;
  const choices = [
    ...(spec.lines.every((line) => known(line.loss)) ? [['normalised l1', 'loss']] : []),
    ...(several ? [['objective', 'objective']] : spec.scores.map((score, index) => [score.name, index])),
  ];
  const names = [];
  for (const line of spec.lines) {
    if (!names.some((one) => one.name === line.objective)) names.push({ name: line.objective, colour: line.colour });
  }
  const shown = new Set(names.map((one) => one.name));
  const { bar, again } = mount(place, (box) => {
    const by = choices[state.by][1];
    const view = spec.views[state.view];
    const used = spec.lines.filter((line) => shown.has(line.objective));
    const room = parallelRoom(box, view.axes);
    const { svg, names: labels } = parallelFrame(box, view.axes, room);
    const threads = draw('g', {}, svg);
    svg.append(labels);
    const score = spec.scores[by];
    const value = (line) => (score ? line.scores[by] : line[by]);
    const values = used.map(value).filter(known);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    // Blue is always the better end.
    const turned = Boolean(score?.higherIsBetter);
    const share = (line) => (high > low ? (value(line) - low) / (high - low) : 0);
    const paint = (line) => (by === 'objective' ? colour(line.colour)
      : rampColour(turned ? 1 - share(line) : share(line)));
    const paths = used.map((line, number) => {
      const at = line[view.places].map((where, index) => room.place(index, where));
      const path = draw('path', { class: 'thread', d: `M${at.map((p) => p.map((v) => v.toFixed(1)).join(',')).join('L')}` }, threads);
      if (spec.answer && number === 0) path.classList.add('answer');
      else path.style.stroke = paint(line);
      return { line, at, path };
    });
    if (by === 'loss') ramp(box, 'normalised l1', low, high);
    if (score) ramp(box, score.name, ...(turned ? [high, low] : [low, high]));
    return parallelReader(paths, view, view.places === 'shares' ? [] : spec.scores, Boolean(spec.answer));
  });
  if (several) legend(bar, names, shown, again);
  if (spec.answer) legendMark(bar, spec.answer, (svg) => draw('line', { class: 'answer', x1: 0, x2: 14, y1: 7, y2: 7 }, svg));
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
  // On narrow screens names and ranges stand in a column of their own, where no line runs.
  const most = Math.floor(width * 0.42);
  const left = Math.min(most, Math.ceil(Math.max(...axes.map((axis) => (
    Math.max(textWidth(axis.name, 13), textWidth(rangeOf(axis)))))))) + 14;
  return {
    upright, width, height: axes.length * 52 + 4, most,
    place: (index, value) => [left + value * (width - left - 8), 26 + index * 52],
  };
}

const rangeOf = (axis) => `${axis.low} to ${axis.high}`;

// A text cut with an ellipsis where it is wider than its place; the whole stands in the tooltip.
function fitted(text, most, size) {
  let shown = text;
  while (shown.length > 2 && textWidth(shown, size) > most) shown = `${shown.slice(0, -2)}…`;
  return shown;
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
      write('stage-name', 0, y1 - 3, 'start', fitted(axis.name, room.most, 13));
      write('tick', 0, y1 + 13, 'start', fitted(rangeOf(axis), room.most, 12));
    }
  });
  return { svg, names };
}

function distance(point, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy || 1;
  const share = Math.min(1, Math.max(0, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length));
  return Math.hypot(point[0] - a[0] - share * dx, point[1] - a[1] - share * dy);
}

// The first path is the answer where there is one: it lies over the others unless one of them is chosen.
function parallelReader(paths, view, scores, answer) {
  let current = -1;
  const onTop = ({ path }) => path.parentNode.append(path);
  if (answer) onTop(paths[0]);
  const highlight = (found, screenX, screenY) => {
    for (const { path } of paths) path.classList.toggle('faded', path !== found.path);
    found.path.classList.add('chosen');
    onTop(found);
    const rows = view.axes.map((axis, index) => [null, axis.name, found.line[view.texts][index]]);
    rows.unshift(...scores.map((score, index) => [null, score.name, format(found.line.scores[index])]));
    if (known(found.line.loss)) rows.unshift([null, 'normalised l1', format(found.line.loss)]);
    showTooltip(`${found.line.objective}, ${found.line.name}`, rows, screenX, screenY);
  };
  const leave = () => {
    hideTooltip();
    for (const { path } of paths) path.classList.remove('faded', 'chosen');
    if (answer) onTop(paths[0]);
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
