/** The page with the form for the token. */
export function loginPage(isWrong: boolean): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Log in · poolmq</title>
    <link rel="icon" href="/page/icon.svg" />
    <link rel="stylesheet" href="/page/style.css" />
  </head>
  <body class="login">
    <main>
      <h1>poolmq</h1>
      <form method="post" action="/login">
        <label for="token">Token</label>
        <input id="token" name="token" type="password" required autofocus autocomplete="current-password"${
          isWrong ? ' aria-invalid="true" aria-describedby="wrong"' : ""
        } />
        ${isWrong ? '<p id="wrong" class="trouble" role="alert">That is not the token.</p>' : ""}
        <button>Log in</button>
      </form>
    </main>
  </body>
</html>
`;
}
