// Runs a round every few seconds, one at a time, and never while the page is hidden.

export class Poller {
  #round;
  #every;
  #timer = 0;
  #running = null;
  #paused = false;
  #stopped = false;

  // `round` takes an AbortSignal. It handles its errors: polling ends if it throws.
  constructor(round, everyMilliseconds) {
    this.#round = round;
    this.#every = everyMilliseconds;
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
  }

  get paused() {
    return this.#paused;
  }

  start() {
    this.now();
  }

  pause() {
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  resume() {
    this.#paused = false;
    this.now();
  }

  // For good: the user is signed out.
  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  // Starts a round at once; aborts one under way, because the choices on the page may have changed.
  async now() {
    clearTimeout(this.#timer);
    this.#running?.controller.abort();
    await this.#running?.done;
    if (this.#running || this.#stopped || document.hidden) return;
    const controller = new AbortController();
    const began = performance.now();
    const done = this.#round(controller.signal);
    this.#running = { controller, done };
    await done;
    this.#running = null;
    if (!controller.signal.aborted) this.#schedule(began);
  }

  #schedule(began) {
    if (this.#paused || this.#stopped || document.hidden) return;
    const left = this.#every - (performance.now() - began);
    // A slow server gets a pause between rounds.
    this.#timer = setTimeout(() => this.now(), Math.max(left, this.#every / 5));
  }

  #visibilityChanged() {
    if (document.hidden) {
      clearTimeout(this.#timer);
      this.#running?.controller.abort();
    } else if (!this.#paused) {
      this.now();
    }
  }
}
