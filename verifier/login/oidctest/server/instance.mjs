// One provider: oidc-provider behind a listener, with its people, its time and its faults.
import http from 'node:http';
import { randomInt } from 'node:crypto';
import Provider from 'oidc-provider';
import { current } from './clock.mjs';
import { algs, configuration } from './config.mjs';
import { Faults, endpointOf, give } from './faults.mjs';
import { newKeys } from './keys.mjs';
import { serveSignIn } from './signin.mjs';
import { Store } from './store.mjs';

const ENTRY = Symbol('entry');

export class Instance {
  store = new Store();

  faults = new Faults();

  alterations = [];

  deliveries = [];

  keys = [];

  #generation = 0;

  #server;

  #port;

  #callback;

  constructor(options, log) {
    this.options = options;
    this.log = log;
    this.time = options.time ?? null;
    this.rotation = !options.noRotation;
    this.users = new Map(options.users.map((user) => [user.sub, { ...user }]));
  }

  // open listens on a port that nobody is given by chance, so that it is still free after the listener was closed for a while: systems
  // take ports for outgoing connections and for listeners that do not care from 32768 upwards (Linux) or 49152 upwards (others).
  async open() {
    for (let attempt = 0; this.#port === undefined; attempt += 1) {
      const port = 20_000 + randomInt(12_000);
      try {
        await this.listen(port);
        this.#port = port;
      } catch (err) {
        if (err.code !== 'EADDRINUSE' || attempt === 100) throw err;
      }
    }
    this.issuer = `http://127.0.0.1:${this.#port}`;
    await this.rotateKeys({});
  }

  async listen(port = this.#port) {
    if (this.#server) return;
    const server = http.createServer((req, res) => this.handle(req, res));
    // Connections stay until one side is closed on purpose: a client that is about to use one must not find it gone.
    Object.assign(server, { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port, backlog: 2048 }, resolve);
    });
    this.#server = server;
  }

  async close() {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => { server.close(resolve); });
    server.closeAllConnections();
    await closed;
  }

  // rotateKeys starts oidc-provider anew with other keys; everything it had stored is still there.
  async rotateKeys({ sameID, keepOld }) {
    if (!sameID) this.#generation += 1;
    const keys = await newKeys(algs(this.options), this.#generation);
    this.keys = [...keys, ...(keepOld ? this.keys : [])];
    const provider = new Provider(this.issuer, configuration(this, this.#port));
    provider.on('server_error', (ctx, err) => this.log(`${ctx.method} ${ctx.path}: ${err.stack}`));
    provider.on('backchannel.success', (ctx, { clientId }, sub, sid) => this.deliveries.push({ client: clientId, sub, sid }));
    provider.on('backchannel.error', (ctx, err, { clientId }, sub, sid) => (
      this.deliveries.push({ client: clientId, sub, sid, error: err.message })
    ));
    this.#alterIDTokens(provider);
    provider.use((ctx, next) => this.#afterwards(ctx, next));
    this.provider = provider;
    this.#callback = provider.callback();
    // It would otherwise find out at the first request that it does not like a client.
    for (const { id } of this.options.clients) await provider.Client.find(id);
  }

  account(sub) {
    const user = this.users.get(sub);
    if (!user || user.disabled) return undefined;
    const { username, name, email, claims } = user;
    return {
      accountId: sub,
      claims: () => ({ sub, name, preferred_username: username, email, email_verified: email && true, ...claims }),
    };
  }

  // oidc-provider has no setting to leave out auth_time or to name another subject, so the claims are changed before they are signed.
  #alterIDTokens(provider) {
    const { prototype } = provider.IdToken;
    const { payload } = prototype;
    const instance = this;
    prototype.payload = async function altered() {
      const claims = await payload.call(this);
      const grant = this.ctx?.oidc?.params?.grant_type;
      if (!grant) return claims; // a logout token
      for (const { set, omit, only } of instance.alterations) {
        if (!only || only === grant) {
          Object.assign(claims, set);
          for (const name of omit ?? []) delete claims[name];
        }
      }
      return claims;
    };
  }

  // internal lets oidc-provider serve a request that did not come through the listener and is not counted.
  internal(req, res) { this.#callback(req, res); }

  handle(req, res) {
    current.run(this, () => {
      this.#serve(req, res).catch((err) => {
        this.log(err.stack);
        res.destroy();
      });
    });
  }

  async #serve(req, res) {
    const { pathname } = new URL(req.url, this.issuer);
    const endpoint = endpointOf(pathname);
    const entry = this.faults.arrived(endpoint, req.method);
    res.setHeader('Date', new Date().toUTCString());
    beforeHead(res, () => {
      entry.status = res.statusCode;
      keepCookies(res);
    });
    await this.faults.pass(endpoint, false, res);
    if (res.destroyed) return;
    const answer = this.faults.take(endpoint, false);
    if (answer) {
      give(res, answer, entry);
    } else if (endpoint === 'login') {
      await serveSignIn(this, req, res);
    } else {
      req[ENTRY] = entry;
      this.#callback(req, res);
    }
  }

  async #afterwards(ctx, next) {
    await next();
    const entry = ctx.req[ENTRY];
    if (!entry) return;
    entry.grant = ctx.oidc?.params?.grant_type ?? '';
    entry.error = ctx.body?.error ?? '';
    await this.faults.pass(entry.endpoint, true, ctx.res);
    const answer = this.faults.take(entry.endpoint, true);
    if (answer) {
      ctx.respond = false;
      give(ctx.res, answer, entry);
    }
  }
}

function beforeHead(res, act) {
  const { writeHead } = res;
  res.writeHead = function head(...args) {
    act();
    return writeHead.apply(this, args);
  };
}

// keepCookies takes the dates out of cookies, because browsers judge them by a clock that the test does not move. The provider judges
// what they stand for by its own. A date in 1970 deletes the cookie and stays.
function keepCookies(res) {
  const cookies = res.getHeader('Set-Cookie');
  if (!cookies) return;
  res.setHeader('Set-Cookie', [cookies].flat().map((text) => (
    /; expires=[^;]* 1970 /i.test(text) ? text : text.replace(/; expires=[^;]*/gi, ''))));
}
