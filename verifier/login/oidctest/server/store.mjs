// What a provider remembers. It outlives the provider, so that a provider with other keys can go on with the same people signed in.
// Rows are kept as text, because oidc-provider must not be able to change them in passing. Nothing is dropped when it is out of date:
// oidc-provider looks at `exp` itself, by the clock of the test.
export class Store {
  #models = new Map();

  model(name) {
    if (!this.#models.has(name)) this.#models.set(name, new Model());
    return this.#models.get(name);
  }
}

class Model {
  #rows = new Map();

  #byUid = new Map();

  #byGrant = new Map();

  async upsert(id, row) {
    this.#rows.set(id, JSON.stringify(row));
    if (row.uid) this.#byUid.set(row.uid, id);
    if (row.grantId) {
      if (!this.#byGrant.has(row.grantId)) this.#byGrant.set(row.grantId, new Set());
      this.#byGrant.get(row.grantId).add(id);
    }
  }

  async find(id) {
    const row = this.#rows.get(id);
    return row && JSON.parse(row);
  }

  async findByUid(uid) { return this.find(this.#byUid.get(uid)); }

  async findByUserCode() { return undefined; } // only for the device flow, which is off

  async consume(id) {
    const row = await this.find(id);
    if (row) await this.upsert(id, { ...row, consumed: Math.floor(Date.now() / 1000) });
  }

  async destroy(id) { this.#rows.delete(id); }

  async revokeByGrantId(grant) {
    for (const id of this.#byGrant.get(grant) ?? []) this.#rows.delete(id);
    this.#byGrant.delete(grant);
  }

  all() { return [...this.#rows].map(([id, row]) => [id, JSON.parse(row)]); }
}
