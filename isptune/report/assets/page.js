// The page itself: charts into their places, theme, contents and copying.

const KINDS = { lines, points, front, levels, parallel, intervals };

for (const place of document.querySelectorAll('[data-chart]')) {
  const spec = page.charts[place.dataset.chart];
  if (spec) KINDS[spec.kind](place, spec);
}
for (const figure of document.querySelectorAll('[data-compare]')) compare(figure);

const root = document.documentElement;
const themeButton = document.getElementById('theme');
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

// A browser may refuse storage to a file; the theme then lasts as long as the page.
function stored(value) {
  try {
    if (value === undefined) return window.localStorage.getItem('isptune-theme');
    window.localStorage.setItem('isptune-theme', value);
  } catch {
    return null;
  }
  return value;
}

function setTheme(theme) {
  root.dataset.theme = theme;
  themeButton.setAttribute('aria-pressed', String(theme === 'dark'));
}

setTheme(stored() ?? (systemDark.matches ? 'dark' : 'light'));
systemDark.addEventListener('change', (event) => {
  if (!stored()) setTheme(event.matches ? 'dark' : 'light');
});
themeButton.addEventListener('click', () => {
  const theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
  stored(theme);
  setTheme(theme);
});

const contents = document.querySelector('.contents details');
const narrow = window.matchMedia('(max-width: 63rem)');
const fold = () => { contents.open = !narrow.matches; };
narrow.addEventListener('change', fold);
fold();
contents.addEventListener('click', (event) => {
  if (event.target.closest('a') && narrow.matches) contents.open = false;
});

const links = new Map([...contents.querySelectorAll('a')].map((link) => [link.hash.slice(1), link]));
const visible = new Set();
function mark() {
  // The last sections may be too short to ever reach the middle of the window.
  const atEnd = window.innerHeight + window.scrollY >= root.scrollHeight - 2;
  const ids = [...links.keys()];
  const current = atEnd ? ids.at(-1) : ids.find((id) => visible.has(id));
  for (const [id, link] of links) {
    if (id === current) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) visible.add(target.id);
    else visible.delete(target.id);
  }
  mark();
}, { rootMargin: '-15% 0px -60% 0px' });
for (const section of document.querySelectorAll('main section')) watcher.observe(section);

window.addEventListener('scroll', mark, { passive: true });

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', async () => {
    const code = button.parentNode.querySelector('code');
    let done = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Without the clipboard's permission the text is at least selected.
      window.getSelection().selectAllChildren(code);
      done = document.execCommand('copy');
    }
    button.textContent = done ? 'Copied' : 'Selected';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
}

for (const box of document.querySelectorAll('.scroll')) {
  const edges = () => {
    box.classList.toggle('before', box.scrollLeft > 1);
    box.classList.toggle('after', box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
  };
  box.addEventListener('scroll', edges, { passive: true });
  new ResizeObserver(edges).observe(box);
}

// Everything is on paper what it is on the screen, in light colours and unfolded.
window.addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('main details')) details.open = true;
});
