// What a browser remembers of an observer: the link's token and the sitting in this tab, and in all tabs
// the answers that the server has not acknowledged yet. Storage may be refused: then it lasts as long as the page.

const PREFIX = 'isptune-study';

class Shelf {
  constructor(name) {
    this.name = name;
    this.rest = new Map();
  }

  get store() {
    try {
      return window[this.name];
    } catch {
      return null; // refused by the browser's settings
    }
  }

  get(key) {
    try {
      const found = this.store?.getItem(key);
      if (found !== null && found !== undefined) return found;
    } catch { /* refused */ }
    return this.rest.get(key) ?? null;
  }

  set(key, value) {
    this.rest.set(key, value);
    try {
      this.store?.setItem(key, value);
    } catch { /* full, or refused */ }
  }

  remove(key) {
    this.rest.delete(key);
    try {
      this.store?.removeItem(key);
    } catch { /* refused */ }
  }

  keys() {
    const found = new Set(this.rest.keys());
    try {
      for (let place = 0; place < (this.store?.length ?? 0); place += 1) found.add(this.store.key(place));
    } catch { /* refused */ }
    return [...found];
  }
}

export const tab = new Shelf('sessionStorage');
export const browser = new Shelf('localStorage');

// The token that the link brought, or the one that this tab had before a reload; null where the link was cut or changed.
export function tokenOf(key) {
  let brought = '';
  try {
    brought = decodeURIComponent(location.hash.slice(1)).trim();
  } catch {
    return null;
  }
  if (brought && brought !== 'main') {
    // No header could carry anything else.
    if (!/^[!-~]+$/.test(brought)) return null;
    tab.set(`${PREFIX}/${key}`, brought);
  }
  return tab.get(`${PREFIX}/${key}`);
}

// What was remembered as JSON; an empty object where that is damaged.
export function remembered(key) {
  try {
    return { ...JSON.parse(browser.get(`${PREFIX}/${key}`)) };
  } catch {
    return {};
  }
}

export function forgetToken(key) { tab.remove(`${PREFIX}/${key}`); }

// A short name of a token, from which it cannot be found again (53 bits).
export function nameOf(token) {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (const letter of token) {
    a = Math.imul(a ^ letter.codePointAt(0), 2654435761);
    b = Math.imul(b ^ letter.codePointAt(0), 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}

// Random and the only one; `crypto.randomUUID` would need HTTPS.
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, '0')).join('');
}

// Answers that were given and not acknowledged, each under its own key, so that tabs do not disturb each other.
export class Pending {
  constructor(owner) {
    this.prefix = `${PREFIX}/${owner}/answer/`;
  }

  keep(answer) { browser.set(this.prefix + answer.key, JSON.stringify(answer)); }

  drop(answer) { browser.remove(this.prefix + answer.key); }

  get all() {
    const found = browser.keys().filter((key) => key.startsWith(this.prefix)).map((key) => {
      try {
        return JSON.parse(browser.get(key));
      } catch {
        return null;
      }
    });
    return found.filter(Boolean).sort((one, other) => one.trial - other.trial);
  }

  clear() {
    for (const answer of this.all) this.drop(answer);
  }
}

export class Sitting {
  constructor(owner) {
    this.key = `${PREFIX}/${owner}/sitting`;
  }

  get number() {
    const found = tab.get(this.key);
    return found === null ? null : Number(found);
  }

  set number(value) { tab.set(this.key, String(value)); }

  clear() { tab.remove(this.key); }
}
