// The observer's page: which state it is in, and how it gets from one to the next.

import { all, closed, find, openDialog, paragraphs } from './elements.js';
import { askPlates, askScreen, askWelcome } from './checks.js';
import { Best } from './best.js';
import { Comparing } from './comparing.js';
import { Pending, Sitting, forgetToken, nameOf, tokenOf } from './memory.js';
import { Refused, Requests } from './requests.js';

const TITLES = {
  welcome: 'Welcome', screen: 'Your screen', plates: 'Colours', compare: 'Comparison', pause: 'Pause', wait: 'Waiting',
  stopped: 'Stopped', end: 'Thank you', withdrawn: 'Withdrawn', trouble: 'Trouble',
};

const section = (state) => find(`section[data-state=${state}]`);
let comparing = null;
let state = 'loading';
let study = null;

// Shows a state and puts the focus on its heading.
function show(wanted) {
  if (state === wanted) return;
  state = wanted;
  for (const one of all('section[data-state]')) one.hidden = one.dataset.state !== wanted;
  document.body.dataset.state = wanted;
  document.title = [TITLES[wanted], study?.title || 'Picture study'].filter(Boolean).join(' – ');
  comparing?.activate(wanted === 'compare');
  scrollTo(0, 0);
  find('h1', section(wanted))?.focus({ preventScroll: true });
}

function trouble(title, text) {
  find('[data-title]', section('trouble')).textContent = title;
  find('[data-text]', section('trouble')).textContent = text;
  show('trouble');
}

function refused(error) {
  if (error instanceof Refused && error.status === 401) {
    trouble('This link is not valid', 'It may have been replaced, or you have withdrawn. Ask who leads the study for a new one.');
  } else if (error instanceof Refused && error.status === 403) {
    location.reload(); // consent is asked first
  } else {
    trouble('Something went wrong', `${error.message} Every answer so far is kept.`);
  }
}

const token = tokenOf('token');
const owner = token ? nameOf(token) : '';
const banner = find('#connection');
const requests = new Requests(token, (lost) => {
  banner.hidden = !lost;
  find('[data-text]', banner).textContent = lost
    ? 'No connection to the study. It is tried again and again; nothing that you answered is lost.' : '';
});
const pending = new Pending(owner);
const sitting = new Sitting(owner);
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(`isptune-study-${owner}`);
const best = new Best(find('#best-dialog'), requests);

function countIn(wanted) {
  const place = find('[data-count]', section(wanted));
  const { answered, total } = comparing.progress;
  place.textContent = `${total === null ? answered : `${answered} of ${total}`} answers are kept.`;
}

async function dialog(id) {
  const element = find(id);
  openDialog(element);
  comparing?.time();
  await closed(element);
  comparing?.time();
}

const states = {
  compare: () => {
    if (!sitting.number) location.reload(); // the study was stopped when this visit began
    else if (state !== 'pause') show('compare');
  },
  pause: ({ isBreak = false } = {}) => {
    const minutes = Math.max(1, Math.round(study.break_minutes));
    find('[data-title]', section('pause')).textContent = isBreak ? 'Time for a break' : 'Pause';
    find('[data-text]', section('pause')).textContent = isBreak
      ? `You have compared for about ${minutes} minutes. Rest your eyes for a few minutes: look out of the window, walk about.`
      : 'The pair is hidden and the time stands still.';
    section('pause').dataset.since = String(performance.now());
    section('pause').dataset.isBreak = isBreak ? 'yes' : '';
    show('pause');
  },
  keys: () => dialog('#keys-dialog'),
  wait: () => {
    if (state === 'pause') return;
    countIn('wait');
    show('wait');
  },
  stopped: () => show('stopped'),
  done: () => {
    countIn('end');
    show('end');
  },
  refused,
};

function resume() {
  const { since, isBreak } = section('pause').dataset;
  if (isBreak || performance.now() - Number(since) > 60_000) comparing.rested();
  show('compare');
  comparing.load();
}

async function withdraw() {
  find('#withdraw-dialog').close();
  await requests.post('api/withdraw');
  pending.clear();
  sitting.clear();
  forgetToken('token');
  channel?.postMessage({ withdrawn: true });
  show('withdrawn');
}

const actions = {
  reload: () => location.reload(),
  'try-now': () => requests.tryNow(),
  resume,
  best: async () => {
    best.open();
    await dialog('#best-dialog');
  },
  'ask-withdraw': () => dialog('#withdraw-dialog'),
  withdraw: () => withdraw().catch(refused),
};

async function begin() {
  if (!token) {
    trouble('This link is not whole', 'The address ends with # and a key of letters and digits that is yours alone. Open the link again as you were given it.');
    return;
  }
  study = await requests.get('api/study');
  const consents = study.consent && !study.consent.given;
  paragraphs(find('[data-instructions]', section('pause')), study.instructions ?? []);
  if (study.state !== 'done' && (consents || (!study.sittings && !sitting.number))) {
    show('welcome');
    await askWelcome(section('welcome'), study, consents);
    if (consents) await requests.post('api/consent');
  }
  // Answers of an earlier visit that the server has not acknowledged.
  comparing = new Comparing(section('compare'), {
    requests, pending, sitting, study, channel, go: (wanted, data) => states[wanted](data),
  });
  for (const given of pending.all) await comparing.deliver(given);
  for (const button of all('[data-do=best]')) button.hidden = !study.best;
  // Answers of a search cannot be taken back: what it did since follows from them.
  for (const button of all('[data-do=ask-withdraw]')) button.hidden = study.kind === 'search';
  for (const row of all('[data-with-reference]')) row.hidden = !study.references;
  if (study.state === 'open' && !sitting.number) await sit();
  comparing.load();
}

// Instructions are read and the screen is looked at once a visit; plates are shown on the first.
async function sit() {
  const plates = study.plates && !study.sittings;
  show('screen');
  const found = await askScreen(section('screen'), study, plates ? 2 : 1);
  if (plates) {
    show('plates');
    found.plates = await askPlates(section('plates'), study);
  }
  sitting.number = (await requests.post('api/sitting', found)).sitting;
}

for (const button of all('[data-do]')) {
  const action = actions[button.dataset.do];
  if (action) button.addEventListener('click', action);
}
for (const button of all('[data-do=close-dialog]')) button.addEventListener('click', () => button.closest('dialog').close());
channel?.addEventListener('message', ({ data }) => {
  if (data.withdrawn) show('withdrawn');
  else comparing?.answeredElsewhere(data.answered);
});
// A page that comes out of the browser's memory may be out of date, and so may one with another link.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
addEventListener('hashchange', () => { if (location.hash && location.hash !== '#main') location.reload(); });
addEventListener('beforeunload', (event) => { if (requests.lost && pending.all.length) event.preventDefault(); });
begin().catch(refused);
