// Pictures of pairs: fetched once, decoded before they are shown, let go when no pair needs them.

export class Pictures {
  constructor(requests) {
    this.requests = requests;
    this.kept = new Map();
  }

  get(name) {
    if (!this.kept.has(name)) {
      const decoded = this.requests.bytes(`api/images/${encodeURIComponent(name)}`).then((blob) => createImageBitmap(blob));
      // What failed is tried anew when it is next asked for.
      decoded.catch(() => this.kept.delete(name));
      this.kept.set(name, decoded);
    }
    return this.kept.get(name);
  }

  async of(trial) {
    const names = ['left', 'right', 'reference'].filter((name) => trial[name]);
    const found = await Promise.all(names.map((name) => this.get(trial[name].image)));
    return Object.fromEntries(names.map((name, place) => [name, found[place]]));
  }

  prepare(trial) { this.of(trial).catch(() => {}); }

  // Frees all but what these trials show.
  keep(trials) {
    const needed = new Set(trials.flatMap((trial) => ['left', 'right', 'reference'].map((name) => trial[name]?.image)));
    for (const [name, decoded] of this.kept) {
      if (needed.has(name)) continue;
      this.kept.delete(name);
      decoded.then((bitmap) => bitmap.close(), () => {});
    }
  }
}
