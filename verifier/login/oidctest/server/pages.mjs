// The provider's own pages: a sign-in form, a question without a password, and signing out without one.
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const page = (title, body) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title></head>
<body><h1>${escape(title)}</h1>
${body}
</body></html>`;

export const signIn = (action, username, problem) => page('Sign in', `${problem ? `<p role="alert">${escape(problem)}</p>` : ''}
<form method="post" action="${escape(action)}">
<label>User name <input name="username" autocomplete="username" value="${escape(username)}"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button name="do" value="sign-in">Sign in</button>
<button name="do" value="cancel">Cancel</button>
</form>`);

export const agree = (action) => page('One more question', `<form method="post" action="${escape(action)}">
<button name="do" value="agree">Agree</button>
</form>`);

// signOut adds to the form that oidc-provider made what the person would have clicked.
export const signOut = (form) => page('Signing out', `${form.replace('</form>', '<input type="hidden" name="logout" value="yes"/></form>')}
<script>document.forms[0].submit()</script>`);

export const signedOut = () => page('Signed out', '<p>You are signed out.</p>');

export const failed = (out) => page('This did not work', `<p role="alert">${escape(`${out.error}: ${out.error_description ?? ''}`)}</p>`);
