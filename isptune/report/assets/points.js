// Points, with a fitted curve and the best candidates: objective against truth, and sensitivity.

// One path of dots is drawn far faster than an element each.
const dots = (xs, ys, at) => xs.map((x, index) => (known(x) && known(ys[index])
  ? `M${at.x(x).toFixed(1)},${at.y(ys[index]).toFixed(1)}h0` : '')).join('');

function points(place, spec) {
  mount(place, (box) => {
    const [xs, ys] = spec.points;
    const best = spec.best ?? [[], []];
    const curve = spec.curve ?? [[], []];
    const x = { ...spec.x, log: Boolean(spec.x.log), plainLabel: !spec.x.log };
    const y = { ...spec.y, log: false };
    x.domain = spec.x.names ? [-0.5, spec.x.names.length - 0.5] : extent([...xs, ...best[0]], x, x.log);
    y.domain = extent([...ys, ...best[1]], y, false);
    const made = frame(box, x, y, 260);
    const { at, margin, inner } = made;
    const fill = colour(spec.colour);
    draw('path', { class: xs.length > 600 ? 'dots many' : 'dots', d: dots(xs, ys, at), stroke: fill }, made.body);
    if (known(spec.mark)) {
      const line = { class: 'mark', x1: at.x(spec.mark), x2: at.x(spec.mark) };
      draw('line', { ...line, y1: margin.top, y2: margin.top + inner.height }, made.body);
    }
    if (curve[0].length) {
      draw('path', { class: 'fit', d: stepPath(curve[0], curve[1], at, false) }, made.body);
    }
    best[0].forEach((value, index) => {
      draw('circle', { class: 'best', cx: at.x(value), cy: at.y(best[1][index]), r: 5 }, made.body);
    });
    const named = best[0].map((value, index) => [value, best[1][index], spec.pointNames ? spec.bestNames[index] : `best of ${spec.bestNames?.[index] ?? 'the run'}`]);
    return pointReader(made, spec, named, xs.map((value, index) => [value, ys[index], spec.pointNames?.[index] ?? 'evaluation']));
  });
}

// Points are [x, y, title, further rows of the tooltip]; the keys read the best ones, or else a few of the others,
// from left to right.
function pointReader(made, spec, best, others) {
  const { at } = made;
  const places = [...best, ...others].filter(([x, y]) => known(x) && known(y));
  const ordered = (best.length ? best : places).slice().sort((a, b) => a[0] - b[0]);
  const mark = draw('circle', { class: 'ring', r: 7, visibility: 'hidden' }, made.svg);
  let current = -1;
  const move = (px, py, screenX, screenY) => {
    let nearest = null;
    let least = 30 ** 2;
    for (const point of places) {
      const distance = (at.x(point[0]) - px) ** 2 + (at.y(point[1]) - py) ** 2;
      if (distance < least) [nearest, least] = [point, distance];
    }
    if (!nearest) {
      leave();
      return;
    }
    mark.setAttribute('cx', at.x(nearest[0]));
    mark.setAttribute('cy', at.y(nearest[1]));
    mark.setAttribute('visibility', 'visible');
    const [x, y, title, further = []] = nearest;
    const rows = [[null, spec.x.label, tickLabel(x, spec.x)], [null, spec.y.label, format(y)], ...further];
    showTooltip(title, rows, screenX, screenY);
  };
  const leave = () => {
    mark.setAttribute('visibility', 'hidden');
    hideTooltip();
  };
  const step = (by) => {
    const stride = Math.max(1, Math.floor(ordered.length / 60));
    current = Math.min(Math.max(current + by * stride, 0), ordered.length - 1);
    return [at.x(ordered[current][0]), at.y(ordered[current][1])];
  };
  return { move, step, leave };
}

const tickLabel = (value, axis) => (axis.names ? tickText(value, axis) : format(value));
