// The sign-in form, which oidc-provider leaves to whoever uses it.
import * as pages from './pages.mjs';

async function form(req) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > 65_536) throw new Error('the form is too large');
  }
  return new URLSearchParams(text);
}

function write(res, status, html) {
  res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
  res.end(html);
}

// authenticate returns the subject of the person, or what to tell them.
function authenticate(users, username, password) {
  const user = [...users.values()].find((u) => u.username === username);
  if (!user || user.password !== password) return { problem: 'The user name or the password is wrong.' };
  if (user.disabled) return { problem: 'This account is disabled.' };
  return { sub: user.sub };
}

export async function serveSignIn({ provider, users }, req, res) {
  let interaction;
  try {
    interaction = await provider.interactionDetails(req, res);
  } catch (err) {
    write(res, 400, pages.failed({ error: 'invalid_request', error_description: err.message }));
    return;
  }
  const asked = interaction.prompt.name;
  if (req.method !== 'POST') {
    write(res, 200, asked === 'login' ? pages.signIn(req.url, interaction.params.login_hint ?? '') : pages.agree(req.url));
    return;
  }
  const fields = await form(req);
  const finish = (result) => provider.interactionFinished(req, res, result, { mergeWithLastSubmission: asked !== 'login' });
  if (fields.get('do') === 'cancel') {
    await finish({ error: 'access_denied', error_description: 'the person cancelled' });
  } else if (asked !== 'login') {
    await finish({ [asked]: {} });
  } else {
    const username = fields.get('username') ?? '';
    const { sub, problem } = authenticate(users, username, fields.get('password'));
    if (sub) await finish({ login: { accountId: sub } });
    else write(res, 403, pages.signIn(req.url, username, problem));
  }
}
