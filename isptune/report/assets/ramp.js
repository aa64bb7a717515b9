// The colour scale from blue, the better end, to orange.

const RAMP = ['--ramp-0', '--ramp-1', '--ramp-2'];

function rampColour(share) {
  const at = Math.min(Math.max(share, 0), 1) * 2;
  const part = Math.min(1, Math.floor(at));
  const mix = Math.round((at - part) * 100);
  return `color-mix(in oklab, var(${RAMP[part + 1]}) ${mix}%, var(${RAMP[part]}))`;
}

function ramp(box, name, best, worst) {
  const line = make('div', { class: 'ramp' }, box);
  make('span', {}, line, `${name}: ${format(best, 3)}`);
  make('i', {}, line);
  make('span', {}, line, format(worst, 3));
}
