/** The demonstration provider's pages: plain HTML and CSS, no script. */

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => escapes[char] ?? char)

const style = `
:root { color-scheme: light dark; --back: #f3f4f6; --card: #fff; --text: #16191d; --quiet: #57606a;
  --line: #c9d1d9; --accent: #0b5cad; --accent-text: #fff; --warn-back: #fff4d6; --warn-text: #5c3d00;
  --bad: #a4210d }
@media (prefers-color-scheme: dark) { :root { --back: #0e1116; --card: #171b22; --text: #e6e9ed;
  --quiet: #9aa4af; --line: #3a424c; --accent: #5aa7f0; --accent-text: #06131f; --warn-back: #3a2c06;
  --warn-text: #ffdf99; --bad: #ff9d8a } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
  background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 400px; padding: 32px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card) }
h1 { margin: 0 0 4px; font-size: 22px; font-weight: 600 }
p { margin: 0 0 16px; color: var(--quiet) }
.demo { margin: 0 0 24px; padding: 12px 16px; border-radius: 6px; background: var(--warn-back);
  color: var(--warn-text) }
.demo strong { display: block }
.error { color: var(--bad); font-weight: 600 }
label { display: block; margin: 16px 0 4px; font-weight: 600 }
input { width: 100%; padding: 8px 12px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--back); color: inherit; font: inherit }
input:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
button { width: 100%; margin-top: 24px; padding: 10px 16px; border: 0; border-radius: 6px;
  background: var(--accent); color: var(--accent-text); font: inherit; font-weight: 600; cursor: pointer }
button.quiet { margin-top: 8px; border: 1px solid var(--line); background: none; color: inherit }
ul { margin: 8px 0 0; padding-left: 20px }
code { font: 14px ui-monospace, monospace }`

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body><main>${body}</main></body>
</html>`

export type LoginPage = {
  readonly title: string
  readonly action: string
  readonly cancel: string
  readonly people: readonly { readonly name: string; readonly note: string }[]
  /** Who is signed in already and must show again that it is them. */
  readonly again: string | undefined
  readonly name: string
  readonly failed: boolean
}

export const loginPage = (of: LoginPage): string => {
  const people = of.people.map(
    ({ name, note }) => `<li><code>${escapeHtml(name)}</code> ${escapeHtml(note)}</li>`,
  )
  const heading = of.again === undefined ? 'Sign in' : 'Confirm that it is you'
  const lead =
    of.again === undefined
      ? `to go on to ${escapeHtml(of.title)}`
      : `${escapeHtml(of.title)} asks for your password again, because you are about to raise privileges.`
  return page(
    `${heading} · ${of.title}`,
    `<div class="demo" role="note"><strong>Demonstration sign-in: password = name</strong>
Anybody can be anybody here. Never use it for a real site.
<ul>${people.join('')}</ul></div>
<h1>${heading}</h1>
<p>${lead}</p>
${of.failed ? '<p class="error" role="alert">Name and password do not match. In this demonstration the password is the name.</p>' : ''}
<form method="post" action="${escapeHtml(of.action)}">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required
 value="${escapeHtml(of.name)}"${of.name === '' || of.failed ? ' autofocus' : ''}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${of.name !== '' && !of.failed ? ' autofocus' : ''}>
<button type="submit">${of.again === undefined ? 'Sign in' : 'Confirm'}</button>
</form>
<form method="post" action="${escapeHtml(of.cancel)}"><button class="quiet" type="submit">Cancel</button></form>`,
  )
}

/** `form` is the provider's own hidden form, whose id is `op.logoutForm`. */
export const logoutPage = (title: string, form: string): string =>
  page(
    `Sign out · ${title}`,
    `<h1>Sign out</h1><p>This also ends your sign-in with the demonstration's identity provider.</p>${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
<button class="quiet" type="submit" form="op.logoutForm">Stay signed in</button>`,
  )

export const signedOutPage = (title: string): string =>
  page(`Signed out · ${title}`, '<h1>Signed out</h1><p>You may close this page.</p>')

export const errorPage = (title: string, code: string, detail: string): string =>
  page(
    `Sign-in failed · ${title}`,
    `<h1>Sign-in failed</h1><p class="error" role="alert">${escapeHtml(detail)}</p>
<p>Go back to ${escapeHtml(title)} and try again. <code>${escapeHtml(code)}</code></p>`,
  )

/** `form` is the provider's own, whose id is `op.deviceInputForm`. */
export const userCodePage = (title: string, form: string, failed: boolean): string =>
  page(
    `Code · ${title}`,
    `<h1>Enter the code</h1><p>that your command line shows.</p>
${failed ? '<p class="error" role="alert">That is no code that anybody waits for.</p>' : ''}${form}
<button type="submit" form="op.deviceInputForm">Continue</button>`,
  )

/** `form` is the provider's own, whose id is `op.deviceConfirmForm`. */
export const confirmCodePage = (title: string, form: string, userCode: string): string =>
  page(
    `Confirm · ${title}`,
    `<h1>Is this your command line?</h1>
<p>It should show the code <code>${escapeHtml(userCode)}</code>. If somebody sent you here, do not go on: they would act
as you at ${escapeHtml(title)}.</p>${form}
<button type="submit" form="op.deviceConfirmForm" autofocus>It is mine</button>
<button class="quiet" type="submit" form="op.deviceConfirmForm" name="abort" value="yes">It is not</button>`,
  )

export const codeDonePage = (title: string): string =>
  page(`Done · ${title}`, '<h1>Done</h1><p>Your command line goes on. You may close this page.</p>')
