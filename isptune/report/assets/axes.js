// Scales, ticks and the frame of a chart: everything is in CSS pixels, so text keeps its size at any width.

function niceStep(span, count) {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const share = raw / power;
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 2.5 ? 2.5 : share <= 5 ? 5 : 10);
}

function linearTicks(low, high, count, whole = false) {
  let step = niceStep(high - low, count);
  if (whole) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return ticks;
}

function logTicks(low, high, count) {
  const decades = Math.log10(high / low);
  const factors = decades > count ? [1] : decades > count / 2.5 ? [1, 3] : decades > 0.7 ? [1, 2, 5] : null;
  if (!factors) return linearTicks(low, high, count).filter((tick) => tick > 0);
  const ticks = [];
  const stride = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += stride) {
    for (const factor of factors) {
      const tick = Number((factor * 10 ** power).toPrecision(6));
      if (tick >= low * 0.9999 && tick <= high * 1.0001) ticks.push(tick);
    }
  }
  return ticks.length > 1 ? ticks : linearTicks(low, high, count).filter((tick) => tick > 0);
}

// The range that an axis shows for its values, with a little air; logarithmic ones leave out what is not positive.
function extent(values, axis, log) {
  const used = values.filter((value) => known(value) && (!log || value > 0));
  if (!used.length) return log ? [0.1, 1] : [0, 1];
  let low = Infinity;
  let high = -Infinity;
  for (const value of used) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (log) return low === high ? [low / 2, high * 2] : [low, high];
  if (axis.zero) low = Math.min(0, low);
  if (known(axis.most)) return [low, axis.most];
  if (low === high) {
    const half = Math.abs(low) > 0 ? Math.abs(low) * 0.05 : 0.5;
    return [low - half, high + half];
  }
  const air = (high - low) * 0.04;
  return [axis.zero && low === 0 ? 0 : low - (axis.tight ? 0 : air), high + (axis.tight ? 0 : air)];
}

function scale(domain, range, log) {
  const [a, b] = log ? domain.map(Math.log10) : domain;
  const place = (value) => range[0] + ((log ? Math.log10(value) : value) - a) / (b - a) * (range[1] - range[0]);
  place.back = (at) => {
    const value = a + (at - range[0]) / (range[1] - range[0]) * (b - a);
    return log ? 10 ** value : value;
  };
  place.domain = domain;
  place.log = log;
  return place;
}

function tickText(value, axis) {
  if (axis.share) return percent(value);
  if (axis.names) return axis.names[value] ?? '';
  return format(value, 3);
}

// Make a text narrower where it is longer than its room.
function squeeze(element, text, room) {
  if (textWidth(text) <= room) return;
  element.setAttribute('textLength', room - 4);
  element.setAttribute('lengthAdjust', 'spacingAndGlyphs');
}

// An empty plot with axes; x and y are {label, domain, log, share, names, whole}.
function frame(box, x, y, height) {
  const width = Math.max(220, Math.floor(box.clientWidth));
  const yCount = Math.max(3, Math.floor(height / 55));
  const yTicks = y.log ? logTicks(...y.domain, yCount) : linearTicks(...y.domain, yCount);
  const widest = Math.max(...yTicks.map((tick) => textWidth(tickText(tick, y))));
  const margin = { left: Math.ceil(widest) + 34, right: 14, top: 10, bottom: 46 };
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  let xTicks = [];
  // As many ticks as their labels leave room for.
  for (let count = Math.max(2, Math.floor(inner.width / 60)); count >= 1; count -= 1) {
    if (x.names) xTicks = x.names.map((_, index) => index);
    else xTicks = x.log ? logTicks(...x.domain, count) : linearTicks(...x.domain, count, x.whole);
    const room = Math.max(...xTicks.map((tick) => textWidth(tickText(tick, x)))) + 14;
    const places = xTicks.map(scale(x.domain, [0, inner.width], x.log));
    if (places.every((place, index) => index === 0 || place - places[index - 1] >= room)) break;
  }
  const svg = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }, box);
  const at = {
    x: scale(x.domain, [margin.left, margin.left + inner.width], x.log),
    y: scale(y.domain, [margin.top + inner.height, margin.top], y.log),
  };
  const bottom = margin.top + inner.height;
  const right = margin.left + inner.width;
  for (const tick of yTicks) {
    draw('line', { class: 'grid-line', x1: margin.left, x2: right, y1: at.y(tick), y2: at.y(tick) }, svg);
    const place = { class: 'tick', x: margin.left - 7, y: at.y(tick) + 4, 'text-anchor': 'end' };
    draw('text', place, svg, tickText(tick, y));
  }
  for (const tick of xTicks) {
    const place = at.x(tick);
    draw('line', { class: 'axis', x1: place, x2: place, y1: bottom, y2: bottom + 5 }, svg);
    const half = textWidth(tickText(tick, x)) / 2;
    const inside = Math.min(Math.max(place, half + 1), width - half - 1);
    draw('text', { class: 'tick', x: inside, y: bottom + 19, 'text-anchor': 'middle' }, svg, tickText(tick, x));
  }
  draw('line', { class: 'axis', x1: margin.left, x2: right, y1: bottom, y2: bottom }, svg);
  const xLabel = x.log && !x.plainLabel ? `${x.label}, logarithmic` : x.label;
  const half = Math.min(textWidth(xLabel) / 2, width / 2 - 2);
  const middle = Math.min(Math.max(margin.left + inner.width / 2, half + 2), width - half - 2);
  const xText = draw('text', { class: 'label', x: middle, y: height - 6, 'text-anchor': 'middle' }, svg, xLabel);
  squeeze(xText, xLabel, width - 4);
  const reach = Math.min(textWidth(y.label) / 2, height / 2 - 6);
  const centre = Math.min(Math.max(margin.top + inner.height / 2, reach + 2), height - reach - 2);
  const turned = `translate(13 ${centre}) rotate(-90)`;
  const yText = draw('text', { class: 'label', transform: turned, 'text-anchor': 'middle' }, svg, y.label);
  squeeze(yText, y.label, height - 8);
  const identifier = `clip-${(frame.count = (frame.count ?? 0) + 1)}`;
  const clip = draw('clipPath', { id: identifier }, draw('defs', {}, svg));
  draw('rect', { x: margin.left - 5, y: margin.top - 5, width: inner.width + 10, height: inner.height + 10 }, clip);
  const body = draw('g', { 'clip-path': `url(#${identifier})` }, svg);
  return { svg, body, at, margin, inner, width, height };
}
