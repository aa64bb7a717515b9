// Time for which a pair was to be seen, and time for which it was not.
export class Clock {
  constructor() {
    [this.seen, this.hidden, this.since, this.running] = [0, 0, performance.now(), false];
  }

  run(running) {
    const now = performance.now();
    if (this.running) this.seen += now - this.since;
    else this.hidden += now - this.since;
    [this.since, this.running] = [now, running];
  }

  get milliseconds() { return this.seen + (this.running ? performance.now() - this.since : 0); }
}
