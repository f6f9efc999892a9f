// An agent, as anybody would write it: it knows nothing of Sidekey and holds no credential.
//   node agent.mjs env              prints its whole environment
//   node agent.mjs call METHOD URL  makes one call and prints status, headers and body as JSON
//   node agent.mjs stream URL       reads an endless answer, a line of JSON for each event
const [task, ...args] = process.argv.slice(2);

switch (task) {
  case 'env':
    for (const name of Object.keys(process.env).sort()) console.log(`${name}=${process.env[name]}`);
    break;
  case 'call':
    await call(args[0], args[1]);
    break;
  case 'stream':
    await stream(args[0]);
    break;
  default:
    throw new Error(`unknown task: ${task}`);
}

async function call(method, url) {
  try {
    const answer = await fetch(url, { method });
    print({ status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() });
  } catch (error) {
    print({ error: describe(error) });
  }
}

async function stream(url) {
  try {
    const answer = await fetch(url);
    print({ event: 'open', status: answer.status, at: Date.now() });
    for await (const bytes of answer.body) print({ event: 'bytes', length: bytes.length, at: Date.now() });
    print({ event: 'end', at: Date.now() });
  } catch (error) {
    print({ event: 'cut', error: describe(error), at: Date.now() });
  }
}

function print(value) {
  console.log(JSON.stringify(value));
}

function describe(error) {
  const parts = [];
  for (let at = error; at !== undefined && at !== null; at = at.cause) parts.push(at.message);
  return parts.join(': ');
}
