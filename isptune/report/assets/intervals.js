// One value a row, with its interval where there is one: observers, objectives.

function intervals(place, spec) {
  mount(place, (box) => {
    const { rows } = spec;
    const width = Math.max(220, Math.floor(box.clientWidth));
    const names = Math.max(...rows.map((row) => textWidth(row.name, 13)));
    // Names stand beside their rows where there is room, above them otherwise.
    const beside = names + 24 < width * 0.4;
    const left = beside ? Math.ceil(names) + 20 : 14;
    const block = beside ? 24 : 40;
    const bottom = 10 + rows.length * block;
    const height = bottom + 44;
    const values = [...rows.flatMap((row) => [row.value, row.low, row.high]), spec.mark].filter(known);
    const domain = extent(values, spec.x, false);
    const svg = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }, box);
    const at = scale(domain, [left, width - 18], false);
    for (const tick of linearTicks(domain[0], domain[1], Math.max(2, Math.floor((width - left) / 90)))) {
      draw('line', { class: 'grid-line', x1: at(tick), x2: at(tick), y1: 8, y2: bottom }, svg);
      const text = format(tick);
      const half = textWidth(text) / 2;
      const x = Math.min(Math.max(at(tick), half + 1), width - half - 1);
      draw('text', { class: 'tick', x, y: bottom + 17, 'text-anchor': 'middle' }, svg, text);
    }
    const middle = left + (width - left) / 2;
    draw('text', { class: 'label', x: middle, y: height - 6, 'text-anchor': 'middle' }, svg, spec.x.label);
    if (known(spec.mark)) {
      draw('line', { class: 'mark', x1: at(spec.mark), x2: at(spec.mark), y1: 8, y2: bottom }, svg);
    }
    const middles = rows.map((row, index) => 10 + (index + 1) * block - 12);
    rows.forEach((row, index) => {
      const y = middles[index];
      const name = beside ? { x: left - 12, y: y + 4, 'text-anchor': 'end' } : { x: left, y: y - 12 };
      draw('text', { class: 'stage-name', ...name }, svg, row.name);
      if (known(row.low) && known(row.high)) {
        const ends = { x1: at(row.low), x2: at(row.high), y1: y, y2: y };
        draw('line', { class: 'quartiles', ...ends, stroke: colour(row.colour) }, svg);
      }
      if (known(row.value)) marker(svg, row.colour, at(row.value), y);
    });
    return intervalReader(rows, spec, block, middles, at);
  });
}

function intervalReader(rows, spec, block, middles, at) {
  let current = -1;
  const move = (_x, y, screenX, screenY) => {
    current = Math.min(Math.max(Math.floor((y - 10) / block), 0), rows.length - 1);
    const { name, value, low, high, note } = rows[current];
    const band = known(low) && known(high) ? ` (${format(low)} to ${format(high)})` : '';
    const more = note ? [[null, note, '']] : [];
    showTooltip(name, [[rows[current].colour, spec.x.label, `${format(value)}${band}`], ...more], screenX, screenY);
  };
  const step = (by) => {
    const next = Math.min(Math.max(current + by, 0), rows.length - 1);
    return [at(rows[next].value ?? 0), middles[next]];
  };
  return { move, step };
}
