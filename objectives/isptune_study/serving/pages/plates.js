// Colour plates: numbers of dots that differ from the dots around them in one kind of cone alone.
// A seed decides everything, so the number shown can be told from the log.

// A small generator (mulberry32), the same in every browser.
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// Linear RGB for one more unit of the long, middle and short cones (the inverse of Viénot, Brettel and Mollon's matrix, 1999).
const CONES = {
  long: [0.0809444479, -0.0102485335, -0.000365296938],
  middle: [-0.130504409, 0.0540193266, -0.00412161469],
  short: [0.116721066, -0.113614708, 0.693511405],
};

// What a plate differs in, and how much; the first is seen by everybody and shows that the task is understood.
const KINDS = [
  { name: 'light', base: [0.24, 0.22, 0.2], change: [0.17, 0.16, 0.15], spread: 0.15 },
  { name: 'long', base: [0.26, 0.2, 0.1], change: CONES.long.map((one) => one * 2.6), spread: 0.22 },
  { name: 'middle', base: [0.3, 0.2, 0.12], change: CONES.middle.map((one) => one * 1.5), spread: 0.22 },
  { name: 'short', base: [0.3, 0.3, 0.3], change: CONES.short.map((one) => one * 0.3), spread: 0.22 },
];
const ORDER = ['light', 'long', 'middle', 'short', 'middle', 'long'];

const encode = (value) => {
  const part = Math.min(1, Math.max(0, value));
  return Math.round(255 * (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055));
};

// The plates of a session: which number each shows, and what it differs in.
export function platesOf(seed, count) {
  const random = generator(seed);
  return Array.from({ length: count }, (_, place) => {
    const name = ORDER[place % ORDER.length];
    const digit = () => 2 + Math.floor(random() * 8);
    return { number: `${digit()}${digit()}`, kind: KINDS.find((one) => one.name === name), seed: Math.floor(random() * 2 ** 32) };
  });
}

// The colour of a dot as [red, green, blue] of 0 to 255; light jitters, so that it tells nothing.
export function dotColour(kind, inside, random) {
  const light = 1 + kind.spread * (2 * random() - 1);
  const side = inside ? 1 : -1;
  return kind.base.map((one, channel) => encode(light * (one + side * kind.change[channel])));
}

// Where the number is, on a disc of `size` pixels.
function numberMask(number, size) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [size, size];
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.font = `bold ${Math.round(size * 0.6)}px Arial, "Liberation Sans", sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(number, size / 2, size * 0.53, size * 0.8);
  const { data } = context.getImageData(0, 0, size, size);
  return (x, y) => data[4 * (Math.floor(y) * size + Math.floor(x)) + 3] > 127;
}

// Dots that do not touch, large ones first.
function dotsOf(size, random) {
  const dots = [];
  const cell = size * 0.045;
  const grid = new Map();
  const near = (x, y) => {
    const found = [];
    const [column, row] = [Math.floor(x / cell), Math.floor(y / cell)];
    for (let i = -1; i <= 1; i += 1) for (let j = -1; j <= 1; j += 1) found.push(...(grid.get(`${column + i},${row + j}`) ?? []));
    return found;
  };
  for (const [share, tries] of [[0.019, 1200], [0.014, 3500], [0.0095, 8000], [0.0065, 12000]]) {
    for (let one = 0; one < tries; one += 1) {
      const radius = size * share * (0.9 + 0.2 * random());
      const [angle, distance] = [2 * Math.PI * random(), Math.sqrt(random()) * (size / 2 - radius)];
      const [x, y] = [size / 2 + distance * Math.cos(angle), size / 2 + distance * Math.sin(angle)];
      if (near(x, y).some((dot) => Math.hypot(dot.x - x, dot.y - y) < dot.radius + radius + size * 0.003)) continue;
      const dot = { x, y, radius };
      dots.push(dot);
      const key = `${Math.floor(x / cell)},${Math.floor(y / cell)}`;
      grid.set(key, [...(grid.get(key) ?? []), dot]);
    }
  }
  return dots;
}

export function drawPlate(canvas, plate) {
  const size = Math.round(Math.max(200, canvas.clientWidth) * devicePixelRatio);
  [canvas.width, canvas.height] = [size, size];
  const context = canvas.getContext('2d');
  const random = generator(plate.seed);
  const within = numberMask(plate.number, size);
  for (const { x, y, radius } of dotsOf(size, random)) {
    const [red, green, blue] = dotColour(plate.kind, within(x, y), random);
    context.fillStyle = `rgb(${red} ${green} ${blue})`;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}
