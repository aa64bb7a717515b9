// The page of who leads a study: progress, observers and their links, scores so far, stop and resume.

import { all, announce, closed, find, make, openDialog, sleep } from './elements.js';
import { showIntervals } from './intervals.js';
import { tokenOf } from './memory.js';
import { Refused, Requests } from './requests.js';

const EVERY = 5000; // milliseconds between two looks

const secret = tokenOf('secret');
// The secret is kept in this tab and not in the address, where it would be seen.
if (secret && location.hash) history.replaceState(null, '', location.pathname);

const banner = find('#connection');
const requests = new Requests(secret, (lost) => {
  banner.hidden = !lost;
  find('[data-text]', banner).textContent = lost ? 'No connection to the study. It is tried again and again.' : '';
});
const rows = new Map();
let drawn = '';
let isSearch = false;

function show(state) {
  for (const one of all('[data-state]', find('main'))) {
    if (one.matches('section, .layout')) one.hidden = one.dataset.state !== state;
  }
}

function trouble(title, text) {
  find('[data-title]', find('section[data-state=trouble]')).textContent = title;
  find('[data-text]', find('section[data-state=trouble]')).textContent = text;
  show('trouble');
  find('section[data-state=trouble] h1').focus();
}

function wrong(text) {
  const place = find('[data-wrong]');
  place.textContent = text;
  place.hidden = !text;
}

async function sure(title, text, yes) {
  const dialog = find('#sure-dialog');
  find('[data-title]', dialog).textContent = title;
  find('[data-text]', dialog).textContent = text;
  find('[data-do=yes]', dialog).textContent = yes;
  dialog.returnValue = '';
  openDialog(dialog);
  await closed(dialog);
  return dialog.returnValue === 'yes';
}

// Does what a button asks for and says in a sentence what is refused.
async function act(task) {
  wrong('');
  try {
    await task();
    await refresh();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    wrong(error.message);
  }
}

function showLink({ name, link }) {
  find('[data-link]').hidden = false;
  find('[data-for]').textContent = `The link of ${name}.`;
  const field = find('#link');
  field.value = link;
  field.focus();
  field.select();
}

async function copy() {
  const field = find('#link');
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand('copy'); // without HTTPS there is no other way
  }
  find('[data-do=copy]').textContent = 'Copied';
  announce('The link is copied.');
}

const ago = (time) => {
  if (!time) return 'never';
  const minutes = Math.round((Date.now() - Date.parse(time)) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  return new Date(time).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
};

function newRow(observer) {
  const row = make('tr', {}, find('[data-observers]'));
  const cells = { name: make('th', { scope: 'row', dir: 'auto' }, row) };
  for (const name of ['progress', 'answers', 'time', 'unsure', 'sittings', 'last', 'do']) {
    const isNumber = ['answers', 'time', 'unsure', 'sittings'].includes(name);
    cells[name] = make('td', isNumber ? { class: 'number' } : name === 'do' ? { class: 'do' } : {}, row);
  }
  const path = `api/admin/observers/${observer.observer}`;
  const anew = make('button', { type: 'button', 'aria-label': `New link for ${observer.name}` }, cells.do, 'New link');
  anew.addEventListener('click', () => act(async () => {
    if (await sure(`A new link for ${observer.name}?`, 'The old one does nothing any more. Answers are kept.', 'New link')) {
      showLink(await requests.post(`${path}/link`));
    }
  }));
  cells.do.append(' ');
  const withdraw = make('button', { type: 'button', 'aria-label': `Withdraw ${observer.name}` }, cells.do, 'Withdraw');
  withdraw.addEventListener('click', () => act(async () => {
    if (await sure(`Withdraw ${observer.name}?`, 'All answers of this observer are deleted. This cannot be undone.', 'Withdraw and delete')) {
      await requests.post(`${path}/withdraw`);
    }
  }));
  return { row, cells, bar: make('progress', { 'aria-label': `Progress of ${observer.name}` }, cells.progress), buttons: [anew, withdraw] };
}

function showObserver(observer) {
  if (!rows.has(observer.observer)) rows.set(observer.observer, newRow(observer));
  const { row, cells, bar, buttons } = rows.get(observer.observer);
  const { answered, total } = observer;
  cells.name.textContent = observer.name;
  const plates = observer.plates ? `${observer.plates_right} of ${observer.plates} colour plates read.` : '';
  for (const text of [observer.note, plates, ...observer.remarks.map((one) => `Note: ${one}.`)]) {
    if (text) make('small', { dir: 'auto' }, cells.name, text);
  }
  bar.hidden = total === null || observer.withdrawn;
  if (total) [bar.max, bar.value] = [total, answered];
  cells.answers.textContent = total === null ? answered : `${answered} of ${total}`;
  cells.time.textContent = observer.median_seconds === null ? '–' : `${observer.median_seconds.toFixed(1)} s`;
  cells.unsure.textContent = observer.unsure === null ? '–' : `${Math.round(observer.unsure * 100)}%`;
  cells.sittings.textContent = observer.sittings;
  cells.last.textContent = observer.withdrawn ? 'withdrawn' : ago(observer.last);
  row.classList.toggle('gone', observer.withdrawn);
  for (const button of buttons) button.disabled = observer.withdrawn;
  // All that a search did since follows from its answers.
  buttons[1].hidden = isSearch;
}

function showProgress(found) {
  const { title, kind, state, answers, total, observers, scenes } = found;
  document.title = `${title || 'Study'}: progress`;
  find('.layout [data-title]').textContent = title || 'Study';
  isSearch = kind === 'search';
  find('[data-kind]').textContent = isSearch ? 'Tuning by people' : 'Study';
  for (const one of all('[data-study-only]')) one.hidden = isSearch;
  const pill = find('[data-pill]');
  [pill.textContent, pill.dataset.state] = [state, state];
  find('[data-do=stop]').hidden = state === 'stopped';
  find('[data-do=resume]').hidden = state !== 'stopped';
  const here = observers.filter((one) => !one.withdrawn);
  find('[data-answers]').textContent = total === null ? answers : `${answers} of ${total}`;
  find('[data-active]').textContent = `${here.filter((one) => one.answered).length} of ${here.length}`;
  find('[data-done]').textContent = here.filter((one) => one.total !== null && one.answered >= one.total).length;
  const widths = scenes.map((one) => one.half_width_jod).filter((one) => one !== null);
  find('[data-width]').textContent = widths.length
    ? `±${(widths.reduce((sum, one) => sum + one, 0) / widths.length).toFixed(2)} JOD` : '–';
  observers.forEach(showObserver);
  find('[data-nobody]').hidden = observers.length > 0;
  find('[aria-label="Table of the observers"]').hidden = !observers.length;
  const isScored = scenes.some((scene) => scene.images.some((image) => image.jod !== null));
  find('[data-no-scenes]').hidden = isScored;
  const wanted = JSON.stringify(isScored ? scenes : []) + innerWidth;
  if (wanted !== drawn) showIntervals(find('[data-scenes]'), isScored ? scenes : []);
  drawn = wanted;
  find('[data-updated]').textContent = `As of ${new Date().toLocaleTimeString()}; looked up again every few seconds.`;
}

async function refresh() {
  showProgress(await requests.get('api/admin/progress'));
}

async function begin() {
  if (!secret) {
    trouble('This address is not whole', 'It ends with # and a secret that isptune study serve prints when it starts.');
    return;
  }
  const found = await requests.get('api/admin/progress');
  show('admin'); // a chart is as wide as its place, which has to be there
  showProgress(found);
  for (;;) {
    await sleep(EVERY);
    if (!document.hidden) await refresh();
  }
}

const actions = {
  reload: () => location.reload(),
  'try-now': () => requests.tryNow(),
  copy,
  'close-link': () => {
    find('[data-link]').hidden = true;
    find('#link').value = '';
    find('#name').focus();
  },
  stop: () => act(async () => {
    if (await sure('Stop the study?', 'Nobody is shown another pair until you resume it. Answers are kept.', 'Stop')) {
      await requests.post('api/admin/stop');
    }
  }),
  resume: () => act(() => requests.post('api/admin/resume')),
  yes: () => find('#sure-dialog').close('yes'),
  no: () => find('#sure-dialog').close('no'),
};
for (const button of all('[data-do]')) button.addEventListener('click', () => actions[button.dataset.do]());
find('[data-form=add]').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  act(async () => {
    find('[data-do=copy]').textContent = 'Copy';
    const { name, note } = Object.fromEntries(new FormData(form));
    showLink(await requests.post('api/admin/observers', note ? { name, note } : { name }));
    form.reset();
  });
});
addEventListener('hashchange', () => location.reload());
begin().catch((error) => {
  if (error instanceof Refused && error.status === 401) {
    trouble('The secret is not right', 'Take the address of this page as isptune study serve printed it.');
  } else trouble('Something went wrong', error.message);
});
