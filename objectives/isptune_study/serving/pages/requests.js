// Requests to the study's own server. What fails on the way is sent again until the server has spoken.

import { sleep } from './elements.js';

const LIMIT = 20_000; // milliseconds for one try
const PAUSES = [300, 700, 1500, 3000, 5000];

// What the server refuses, with its own sentence; it is not sent again.
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export class Requests {
  // onConnection(lost, whatIsWrong) is called as the connection is lost and found.
  constructor(token, onConnection = () => {}) {
    this.token = token;
    this.onConnection = onConnection;
    this.waiting = new Set();
    this.lost = 0;
    addEventListener('online', () => this.tryNow());
  }

  tryNow() {
    for (const wake of this.waiting) wake();
  }

  get(path) { return this.send('GET', path); }

  post(path, body = {}) { return this.send('POST', path, body); }

  async bytes(path) {
    return (await this.send('GET', path, undefined, true));
  }

  async send(method, path, body, bytes = false) {
    let failed = 0;
    try {
      for (;;) {
        try {
          const result = await this.once(method, path, body, bytes);
          return result;
        } catch (error) {
          if (error instanceof Refused) throw error;
          if (!failed) this.mark(1);
          await this.pause(PAUSES[Math.min(failed, PAUSES.length - 1)]);
          failed += 1;
        }
      }
    } finally {
      if (failed) this.mark(-1);
    }
  }

  async once(method, path, body, bytes) {
    const answer = await fetch(path, {
      method,
      headers: {
        Authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: bytes ? 'default' : 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(LIMIT),
    });
    // 500 and 503 say that nothing was kept; 502 and 504 come from what stands between.
    if (answer.status >= 500 || answer.status === 429) throw new Error(`status ${answer.status}`);
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw new Refused(answer.status, said.error || `The server answers ${answer.status}.`);
    }
    return bytes ? answer.blob() : answer.json();
  }

  mark(change) {
    this.lost += change;
    if ((change > 0 && this.lost === 1) || this.lost === 0) this.onConnection(this.lost > 0);
  }

  async pause(milliseconds) {
    let wake;
    const woken = new Promise((resolve) => { wake = resolve; });
    this.waiting.add(wake);
    await Promise.race([sleep(milliseconds), woken]);
    this.waiting.delete(wake);
  }
}
