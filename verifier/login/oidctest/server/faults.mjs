// What can go wrong at each of a provider's endpoints: requests are counted, held back, or answered otherwise than the provider would.
const routes = [
  ['discovery', /^\/\.well-known\/openid-configuration$/],
  ['jwks', /^\/jwks$/],
  ['revocation', /^\/token\/revocation$/],
  ['token', /^\/token$/],
  ['userinfo', /^\/me$/],
  ['end_session', /^\/session\/end(\/|$)/],
  ['authorization', /^\/auth(\/|$)/],
  ['login', /^\/interaction\//],
];

export const endpointOf = (path) => routes.find(([, pattern]) => pattern.test(path))?.[0] ?? 'other';

export class Faults {
  #answers = new Map();

  #gates = new Map();

  #watchers = new Set();

  requests = [];

  arrived(endpoint, method) {
    const entry = { endpoint, method, at: Date.now(), grant: '', status: 0, error: '' };
    this.requests.push(entry);
    return entry;
  }

  // answer makes an endpoint give this answer, `times` times or (0) until it is told otherwise; null lets the provider answer again.
  answer(endpoint, answer) {
    if (answer) this.#answers.set(endpoint, { ...answer, left: answer.times || Infinity });
    else this.#answers.delete(endpoint);
  }

  // take returns the answer that is to be given, if it is one for this stage: instead of the provider's work, or after it.
  take(endpoint, after) {
    const answer = this.#answers.get(endpoint);
    if (!answer || Boolean(answer.after) !== after) return null;
    answer.left -= 1;
    if (answer.left <= 0) this.#answers.delete(endpoint);
    return answer;
  }

  hold(endpoint, after) {
    if (this.#gates.has(endpoint)) throw new Error(`${endpoint} is held already`);
    this.#gates.set(endpoint, { after, waiting: new Set() });
  }

  release(endpoint) {
    const gate = this.#gates.get(endpoint);
    this.#gates.delete(endpoint);
    gate?.waiting.forEach((open) => open());
    this.#watchers.forEach((look) => look());
    return gate?.waiting.size ?? 0;
  }

  releaseAll() { [...this.#gates.keys()].forEach((endpoint) => this.release(endpoint)); }

  // pass returns when the request may go on, at once where nothing is held, or when its client has given up.
  async pass(endpoint, after, res) {
    const gate = this.#gates.get(endpoint);
    if (!gate || gate.after !== after || res.destroyed) return;
    await new Promise((open) => {
      gate.waiting.add(open);
      res.once('close', () => {
        gate.waiting.delete(open);
        open();
        this.#watchers.forEach((look) => look());
      });
      this.#watchers.forEach((look) => look());
    });
  }

  // held returns when n requests at once are held at the endpoint, empty when none is.
  held(endpoint, n) { return this.#until(endpoint, (size) => size >= n); }

  empty(endpoint) { return this.#until(endpoint, (size) => size === 0); }

  #until(endpoint, met) {
    return new Promise((resolve) => {
      const look = () => {
        if (!met(this.#gates.get(endpoint)?.waiting.size ?? 0)) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }
}

// give writes an answer and takes back whatever the provider had prepared.
export function give(res, answer, entry) {
  if (answer.hangUp) {
    res.destroy();
    return;
  }
  res.getHeaderNames().forEach((name) => res.removeHeader(name));
  const body = answer.error
    ? JSON.stringify({ error: answer.error, error_description: 'as the test asked' })
    : answer.body ?? '';
  entry.error = answer.error ?? '';
  res.statusCode = answer.status || 200;
  res.setHeader('Content-Type', answer.error || /^\s*[[{]/.test(body) ? 'application/json' : 'text/plain; charset=utf-8');
  Object.entries(answer.header ?? {}).forEach(([name, value]) => res.setHeader(name, value));
  res.end(body);
}
