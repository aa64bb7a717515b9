// Hidden levels per stage: a hollow mark at the start, a full one per objective for what was found, and the quartiles between runs.

function levels(place, spec) {
  const shown = new Set(spec.series.map((one) => one.name));
  const { bar, again } = mount(place, (box) => {
    const series = spec.series.filter((one) => shown.has(one.name));
    const width = Math.max(220, Math.floor(box.clientWidth));
    const names = Math.max(...spec.stages.map((stage) => textWidth(stage, 13)));
    // Names stand beside their rows where there is room, above them otherwise.
    const beside = names + 24 < width * 0.32;
    const left = beside ? Math.ceil(names) + 20 : 12;
    const row = 14;
    const block = Math.max(36, (series.length + 1) * row + 14) + (beside ? 0 : 18);
    const height = 14 + spec.stages.length * block + 44;
    const all = [...spec.start.high, ...spec.series.flatMap((one) => one.high)];
    const most = Math.max(1, ...all.filter(known));
    const svg = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }, box);
    const at = scale([0, most], [left, width - 18], false);
    const bottom = height - 42;
    const count = Math.max(2, Math.floor((width - left) / 90));
    for (const tick of linearTicks(0, most, count)) {
      draw('line', { class: 'grid-line', x1: at(tick), x2: at(tick), y1: 8, y2: bottom }, svg);
      const half = textWidth(percent(tick)) / 2;
      const x = Math.min(Math.max(at(tick), half + 1), width - half - 1);
      draw('text', { class: 'tick', x, y: bottom + 17, 'text-anchor': 'middle' }, svg, percent(tick));
    }
    const label = width < 380 ? 'hidden level / highest level' : spec.x.label;
    const middle = Math.min(left + (width - left) / 2, width - textWidth(label) / 2 - 4);
    draw('text', { class: 'label', x: middle, y: height - 6, 'text-anchor': 'middle' }, svg, label);
    const rows = [];
    spec.stages.forEach((stage, index) => {
      const top = 14 + index * block;
      const first = top + (beside ? 0 : 18) + row;
      const name = { class: 'stage-name', x: beside ? left - 12 : left, 'text-anchor': beside ? 'end' : 'start' };
      draw('text', { ...name, y: beside ? top + block / 2 : top + 10 }, svg, stage);
      if (index) draw('line', { class: 'rule', x1: 0, x2: width, y1: top - 4, y2: top - 4 }, svg);
      whisker(svg, at, spec.start, index, first, null);
      series.forEach((one, place) => {
        const y = first + (place + 1) * row;
        if (series.length === 1 && known(spec.start.y[index])) {
          const line = { class: 'way', x1: at(spec.start.y[index]), x2: at(one.y[index]), y1: first, y2: y };
          draw('line', line, svg);
        }
        whisker(svg, at, one, index, y, one.colour);
      });
      rows.push({ stage, index, top, first });
    });
    return levelReader(rows, series, spec, block, at);
  });
  if (spec.series.length > 1) legend(bar, spec.series, shown, again, true);
  else if (spec.series.length) legendMark(bar, 'found', (svg) => marker(svg, spec.series[0].colour, 7, 7));
  legendMark(bar, 'start', (svg) => hollow(svg, 7, 7));
}

const hollow = (svg, cx, cy) => draw('circle', { class: 'hollow', cx, cy, r: 5 }, svg);

// A mark with its quartiles; of an objective by the index of its colour, of the start without one.
function whisker(svg, at, one, index, y, series) {
  if (!known(one.y[index])) return;
  const [low, high] = [at(one.low[index]), at(one.high[index])];
  const stroke = series === null ? 'var(--ink-soft)' : colour(series);
  if (high - low > 1) draw('line', { class: 'quartiles', x1: low, x2: high, y1: y, y2: y, stroke }, svg);
  if (series === null) hollow(svg, at(one.y[index]), y);
  else marker(svg, series, at(one.y[index]), y);
}

function levelReader(rows, series, spec, block, at) {
  let current = -1;
  const move = (_x, y, screenX, screenY) => {
    current = Math.min(Math.max(Math.floor((y - 10) / block), 0), rows.length - 1);
    const { stage, index } = rows[current];
    const show = (one) => {
      const spread = one.high[index] - one.low[index] > 0.0005;
      const share = (value) => format(value * 100, 3);
      const band = spread ? ` (${share(one.low[index])} to ${share(one.high[index])})` : '';
      return `${share(one.y[index])}${band} %`;
    };
    const found = series.map((one) => [one.colour, spec.series.length > 1 ? one.name : 'found', show(one)]);
    showTooltip(stage, [[null, 'start', show(spec.start)], ...found], screenX, screenY);
  };
  const step = (by) => {
    const next = Math.min(Math.max(current + by, 0), rows.length - 1);
    return [at(0.5), rows[next].first];
  };
  return { move, step };
}
