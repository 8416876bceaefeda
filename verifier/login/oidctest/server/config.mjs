// One provider's configuration for oidc-provider: https://github.com/panva/node-oidc-provider/blob/v8.8.1/docs/README.md
import http from 'node:http';
import { interactionPolicy } from 'oidc-provider';
import * as pages from './pages.mjs';

const year = 365 * 24 * 3600;

// A person whose account is gone or disabled is asked who they are, although their browser is still signed in.
function policy() {
  const prompts = interactionPolicy.base();
  prompts.get('login').checks.push(new interactionPolicy.Check(
    'account_unavailable',
    'the account cannot be used',
    'login_required',
    ({ oidc }) => Boolean(oidc.session.accountId) && !oidc.account,
  ));
  return prompts;
}

function client(c) {
  return {
    client_id: c.id,
    client_secret: c.secret || undefined,
    token_endpoint_auth_method: c.secret ? c.authMethod || 'client_secret_basic' : 'none',
    redirect_uris: c.redirectURIs ?? [],
    post_logout_redirect_uris: c.postLogoutRedirectURIs ?? [],
    backchannel_logout_uri: c.backchannelLogoutURI || undefined,
    backchannel_logout_session_required: Boolean(c.sessionRequired),
    require_auth_time: Boolean(c.requireAuthTime),
    id_token_signed_response_alg: c.alg || 'ES256',
    grant_types: c.noRefresh ? ['authorization_code'] : ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
}

export const algs = ({ clients }) => new Set(clients.length ? clients.map((c) => c.alg || 'ES256') : ['ES256']);

// Everything is granted that is asked for, so that nobody has to consent.
async function loadExistingGrant(ctx) {
  const { session, client: { clientId }, requestParamScopes, provider } = ctx.oidc;
  const id = session.grantIdFor(clientId);
  const grant = (id && await provider.Grant.find(id)) || new provider.Grant({ clientId, accountId: session.accountId });
  grant.addOIDCScope([...requestParamScopes].join(' '));
  await grant.save();
  return grant;
}

// A provider's cookies have its port in their names, because a browser does not keep cookies of two ports apart.
const cookie = { httpOnly: true, overwrite: true, sameSite: 'lax', signed: false };

export function configuration(instance, port) {
  const { options } = instance;
  const special = new Set(options.users.flatMap((user) => Object.keys(user.claims ?? {})));
  const offline = new Set(options.clients.filter((c) => c.offline).map((c) => c.id));
  return {
    adapter: (name) => instance.store.model(name),
    jwks: { keys: instance.keys },
    clients: options.clients.map(client),
    claims: {
      acr: null, sid: null, auth_time: null, iss: null,
      openid: ['sub', ...special], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'],
    },
    conformIdTokenClaims: false, // a name in the ID token, as most providers send it
    clientBasedCORS: () => false,
    clockTolerance: 0,
    cookies: {
      keys: ['not a secret: nothing is signed'],
      names: { session: `op_session_${port}`, interaction: `op_interaction_${port}`, resume: `op_resume_${port}` },
      long: { ...cookie }, short: { ...cookie },
    },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: !options.noEndSession,
        logoutSource: (ctx, form) => { ctx.body = pages.signOut(form); },
        postLogoutSuccessSource: (ctx) => { ctx.body = pages.signedOut(); },
      },
    },
    findAccount: (ctx, sub) => instance.account(sub),
    interactions: { policy: policy(), url: (ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant,
    issueRefreshToken: (ctx, { grantTypes }) => grantTypes.includes('refresh_token'),
    rotateRefreshToken: () => instance.rotation,
    expiresWithSession: (ctx, code) => !offline.has(code.clientId) && !code.scopes.has('offline_access'),
    pkce: { required: () => true, methods: ['S256'] },
    responseTypes: ['code'],
    renderError: (ctx, out) => { ctx.type = 'html'; ctx.body = pages.failed(out); },
    // The default waits 2.5 seconds for a client, which a busy test machine may need; and it keeps connections open.
    httpOptions: () => ({ signal: AbortSignal.timeout(60_000), agent: new http.Agent({ keepAlive: false }) }),
    ttl: {
      AccessToken: 3600, AuthorizationCode: 60, Interaction: 3600, Grant: 10 * year,
      IdToken: options.idTokenLife, RefreshToken: options.refreshTokenLife, Session: options.sessionLife,
    },
  };
}
