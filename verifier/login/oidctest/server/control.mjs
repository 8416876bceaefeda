// What a test can tell a provider to do.
import http from 'node:http';
import { current } from './clock.mjs';
import { sign } from './keys.mjs';

const user = (instance, sub) => {
  const found = instance.users.get(sub);
  if (!found) throw new Error(`there is no user ${sub}`);
  return found;
};

export const operations = {
  time(instance, { at }) { instance.time = at; },

  disable(instance, { sub, disabled }) { user(instance, sub).disabled = disabled; },

  remove(instance, { sub }) { user(instance, sub); instance.users.delete(sub); },

  add(instance, { user: added }) { instance.users.set(added.sub, added); },

  // Everything that oidc-provider itself revokes when a refresh token is used twice.
  async revoke(instance, { sub, client }) {
    const { Grant, RefreshToken, AccessToken, AuthorizationCode } = instance.provider;
    let count = 0;
    for (const [id, grant] of instance.store.model('Grant').all()) {
      if (grant.accountId === sub && (!client || grant.clientId === client)) {
        for (const model of [RefreshToken, AccessToken, AuthorizationCode]) await model.revokeByGrantId(id);
        await Grant.adapter.destroy(id);
        count += 1;
      }
    }
    return count;
  },

  // The person is signed out by oidc-provider's own code, in each browser in which they are signed in, as if they had confirmed it there.
  // It is what sends the logout tokens.
  async endSessions(instance, { sub, inner }) {
    const before = instance.deliveries.length;
    const sessions = instance.store.model('Session');
    for (const [id, session] of sessions.all()) {
      if (session.accountId === sub && session.exp * 1000 > Date.now()) {
        const secret = 'of the test';
        await sessions.upsert(id, { ...session, state: { secret, postLogoutRedirectUri: instance.issuer } });
        await post(inner, instance, `${instance.provider.cookieName('session')}=${id}`, { xsrf: secret, logout: 'yes' });
      }
    }
    return instance.deliveries.slice(before);
  },

  deliveries(instance) { return instance.deliveries; },

  rotation(instance, { on }) { instance.rotation = on; },

  rotateKeys(instance, keys) { return instance.rotateKeys(keys); },

  alterIDTokens(instance, { alterations }) { instance.alterations = alterations ?? []; },

  answer(instance, { endpoint, answer }) { instance.faults.answer(endpoint, answer); },

  hold(instance, { endpoint, after }) { instance.faults.hold(endpoint, after); },

  held(instance, { endpoint, n }) { return instance.faults.held(endpoint, n); },

  empty(instance, { endpoint }) { return instance.faults.empty(endpoint); },

  release(instance, { endpoint }) { return instance.faults.release(endpoint); },

  requests(instance) { return instance.faults.requests; },

  forgetRequests(instance) { instance.faults.requests = []; },

  stop(instance) { return instance.close(); },

  restart(instance) { return instance.listen(); },

  sign(instance, { header, claims }) {
    return sign(instance.keys.find(({ alg }) => alg === header?.alg) ?? instance.keys[0], header, claims);
  },
};

// innerListener serves requests of this process to its own providers, past their listeners and faults.
export async function innerListener(instances) {
  const server = http.createServer((req, res) => {
    const instance = instances.get(Number(req.headers['x-provider']));
    current.run(instance, () => instance.internal(req, res));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return server.address().port;
}

function post(port, instance, cookie, fields) {
  const body = new URLSearchParams(fields).toString();
  const headers = { Cookie: cookie, 'Content-Type': 'application/x-www-form-urlencoded', 'X-Provider': instance.id };
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, method: 'POST', path: '/session/end/confirm', headers, agent: false }, (res) => {
      res.resume();
      if (res.statusCode === 303) res.on('end', resolve);
      else reject(new Error(`signing out was answered ${res.statusCode}`));
    });
    req.on('error', reject);
    req.end(body);
  });
}
