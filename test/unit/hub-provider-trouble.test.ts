/** The identity provider down, slow, endless, with another clock or other keys: what people see, and what goes on. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { DeviceAnswer } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const minute = 60_000
const discovery = '/.well-known/openid-configuration'

const configOf = (h: Pick<TestHub, 'provider' | 'dir'>, over: object) => ({
  provider: {
    issuer: h.provider.issuer,
    clientId: 'seneschal',
    clientSecret: { file: `${h.dir}/etc/secret` },
    unsafeAllowHttp: true,
    ...over,
  },
})
/** A hub that waits less long for its provider than people would. */
const impatient = async (t: TestContext): Promise<TestHub> => {
  const h = await startTestHub(t)
  await h.hub.close()
  return startTestHub(t, {
    dir: h.dir,
    provider: h.provider,
    config: configOf(h, { timeout: 'PT0.3S', groupsMaxAge: 'PT5M' }),
  })
}

const troubles: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'closes each connection': (response) => response.destroy(),
  'has trouble of its own': (response) => response.writeHead(500).end('<h1>Oops</h1>'),
  'never answers': () => undefined,
  'begins to answer and goes on byte by byte': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 50)
    response.once('close', () => clearInterval(timer))
  },
  'answers with 50 MB': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const piece = Buffer.alloc(1024 * 1024, ' ')
    let left = 50
    const more = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= 1
        if (!response.write(piece)) return void response.once('drain', more)
      }
      response.end('{}')
    }
    more()
  },
  'answers with a page': (response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Maintenance</h1>'),
  'leads somewhere else': (response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
}

for (const [what, trouble] of Object.entries(troubles))
  test(`while the provider ${what}, nobody signs in, everybody else goes on, and once it is back it works`, async (t) => {
    const h = await impatient(t)
    const mel = await h.signIn('mel')
    const socket = await mel.socket('/api/wall')
    h.provider.lies.answer = (path, response) => {
      if (path === discovery || path === '/jwks' || path === '/token' || path === '/me') trouble(response)
      return path === discovery || path === '/jwks' || path === '/token' || path === '/me'
    }
    const stranger = h.visitor()
    const answer = await stranger.ask('GET', '/auth/login')
    assert.equal(codeOf(answer), 'auth.provider-unavailable')
    assert.equal(answer.headers['retry-after'], '5')
    // The pause after each failure is over by the hub's clock.
    h.shift(5000)
    const page = await stranger.ask('GET', '/auth/login?return=/wall', { headers: { accept: 'text/html' } })
    assert.equal(page.headers.location, '/wall?signin=auth.provider-unavailable')
    assert.equal(stranger.cookie('__Host-seneschal'), undefined)
    h.shift(5000)
    const raise = await mel.change('POST', '/auth/elevate', { class: 'execute' })
    assert.equal(codeOf(raise), 'auth.provider-unavailable')
    // Beyond the age at which the provider is asked again for groups.
    h.shift(6 * minute)
    await h.session(mel)
    assert.equal(socket.socket.readyState, socket.socket.OPEN)
    assert.equal((await h.audited('session.signed-in')).length, 1)

    h.provider.lies.answer = undefined
    h.shift(5000)
    // A question that was asked before may still be waited for.
    await until(async () => (await h.visitor().ask('GET', '/auth/login')).status === 303)
    await h.signIn('jacintar', stranger)
    assert.equal(socket.socket.readyState, socket.socket.OPEN)
    socket.socket.terminate()
  })

test('a provider that goes down between the page and the answer makes no session, and the next try succeeds', async (t) => {
  const h = await impatient(t)
  const browser = h.visitor()
  const form = await browser.open('/auth/login')
  h.provider.lies.answer = (path, response) => {
    if (path === '/token') response.destroy()
    return path === '/token'
  }
  const back = await browser.submit(form, { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.provider-unavailable')
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  assert.equal((await h.audited('session.refused'))[0]?.code, 'auth.provider-unavailable')
  h.provider.lies.answer = undefined
  await h.signIn('mel', browser)
})

test('a hub starts without its provider, and raises nobody while it is down', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const cookie = mel.cookie('__Host-seneschal') ?? ''
  await h.hub.close()
  h.provider.lies.answer = (_path, response) => {
    response.destroy()
    return true
  }
  const later = await startTestHub(t, { dir: h.dir, provider: h.provider })
  const back = later.visitor()
  back.setCookie('__Host-seneschal', cookie)
  assert.equal((await later.session(back)).elevation, null)
  const raise = await back.change('POST', '/auth/elevate', { class: 'write' })
  assert.equal(codeOf(raise), 'auth.provider-unavailable')
  h.provider.lies.answer = undefined
  await later.raise(back)
  assert.equal((await later.session(back)).elevation?.class, 'execute')
})

test('a hundred people at the door of a provider that is down ask it one question at a time, with pauses', async (t) => {
  const h = await impatient(t)
  let [atOnce, most, questions] = [0, 0, 0]
  h.provider.lies.answer = (_path, response) => {
    questions += 1
    atOnce += 1
    most = Math.max(most, atOnce)
    setTimeout(() => {
      atOnce -= 1
      response.destroy()
    }, 20)
    return true
  }
  const wave = () => Promise.all(Array.from({ length: 100 }, () => h.visitor().ask('GET', '/auth/login')))
  for (const answer of await wave()) assert.equal(codeOf(answer), 'auth.provider-unavailable')
  // Those who came after the first failure waited for the end of the pause, and shared the second question.
  assert.ok(questions <= 2, `${questions} questions`)
  for (const answer of await wave()) assert.equal(codeOf(answer), 'auth.provider-unavailable')
  assert.ok(questions <= 4, `${questions} questions`)
  assert.equal(most, 1)
})

test('people who come at once share one look at what the provider says and one fetch of its keys', async (t) => {
  const h = await startTestHub(t)
  const visitors = Array.from({ length: 10 }, () => h.visitor())
  const forms = await Promise.all(visitors.map((visitor) => visitor.open('/auth/login')))
  const asked = h.provider.asked.get(discovery) ?? 0
  assert.ok(asked < 10, `${asked} times`)
  await Promise.all(
    visitors.map((visitor, index) =>
      visitor.submit(forms[index] ?? assert.fail(), { name: 'mel', password: 'mel' }),
    ),
  )
  for (const visitor of visitors) assert.equal((await h.session(visitor)).person, 'mel')
  assert.equal(h.provider.asked.get('/jwks'), 1)
})

test('when it is back after a day, one question finds that out, and each session asks for itself after it', async (t) => {
  const h = await startTestHub(t)
  const people = await Promise.all(Array.from({ length: 10 }, () => h.signIn('mel', h.visitor())))
  const wall = await (people[0] ?? assert.fail()).socket('/api/wall')
  const tokens = () => h.provider.asked.get('/token') ?? 0
  const before = tokens()
  h.provider.lies.answer = (_path, response) => {
    response.destroy()
    return true
  }
  for (let hours = 0; hours < 24; hours += 6) {
    h.shift(6 * 60 * minute)
    await h.feed.heartbeat(Date.now())
    await h.hub.tick()
    for (const one of people) assert.equal((await h.session(one)).person, 'mel')
  }
  // Each may have asked once before the first found out; nobody after that.
  assert.ok(tokens() - before <= people.length, `${tokens() - before} questions`)
  assert.equal(wall.socket.readyState, wall.socket.OPEN)
  assert.equal((await h.audited('session.ended')).length, 0)

  h.provider.lies.answer = undefined
  h.provider.lies.userinfo = (claims) => ({ ...claims, groups: ['staff'] })
  h.shift(minute)
  const known = h.provider.asked.get(discovery) ?? 0
  await until(async () => {
    const seen = await Promise.all(people.map((one) => h.session(one)))
    return seen.every(({ groups }) => groups.includes('oidc/staff'))
  })
  assert.equal((h.provider.asked.get(discovery) ?? 0) - known, 1)
  wall.socket.terminate()
})

test('nobody who is signed in waits for a provider that is known to be down', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  h.provider.lies.answer = (_path, response) => {
    response.destroy()
    return true
  }
  h.shift(6 * minute)
  await h.session(mel)
  let questions = 0
  h.provider.lies.answer = () => {
    questions += 1
    return true
  }
  h.shift(6 * minute)
  const began = performance.now()
  await h.session(mel)
  assert.ok(performance.now() - began < 3000, 'less than the five seconds that an answer may take')
  await until(() => questions === 1)
})

test('a hundred people whose groups are due while the provider falls silent are answered together, not in turns', async (t) => {
  const h = await impatient(t)
  const people: Visitor[] = []
  // A few at a time: this provider is given little time, and a busy machine has less.
  while (people.length < 100)
    people.push(...(await Promise.all(Array.from({ length: 5 }, () => h.signIn('mel', h.visitor())))))
  h.provider.lies.answer = () => true
  h.shift(6 * minute)
  const began = performance.now()
  for (const { groups } of await Promise.all(people.map((one) => h.session(one))))
    assert.deepEqual(groups, [])
  assert.ok(performance.now() - began < 5000, `${Math.round(performance.now() - began)} ms`)
})

test('a command line that waits for its person waits through an outage, too', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  const shell = h.visitor()
  const { device, verificationUriComplete } = (await shell.change('POST', '/auth/device', {}))
    .body as DeviceAnswer
  let questions = 0
  h.provider.lies.answer = (path, response) => {
    if (path !== '/token') return false
    questions += 1
    response.destroy()
    return true
  }
  await until(() => questions >= 2, 15_000)
  assert.equal((await shell.change('POST', '/auth/device/token', { device })).status, 202)
  h.provider.lies.answer = undefined
  const browser = h.visitor()
  const asked = await browser.submit(await browser.open(verificationUriComplete ?? ''), {})
  await browser.submit(await browser.submit(asked, {}), { name: 'mel', password: 'mel' })
  await until(
    async () => (await shell.change('POST', '/auth/device/token', { device })).status === 200,
    15_000,
  )
  assert.equal((await h.session(shell)).person, 'mel')
})

test('a provider that moved its interfaces is followed without a restart', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('mel')
  let authorized = 0
  h.provider.lies.metadata = (said) => {
    authorized += 1
    return { ...said, authorization_endpoint: `${h.provider.issuer}/elsewhere` }
  }
  const answer = await h.visitor().ask('GET', '/auth/login')
  assert.equal(new URL(answer.headers.location ?? '').pathname, '/elsewhere')
  assert.equal(authorized, 1)
})

test('a provider that says something new of itself each time has its keys fetched once', async (t) => {
  const h = await startTestHub(t)
  let times = 0
  h.provider.lies.metadata = (said) => {
    times += 1
    return { ...said, served_by: `node ${times}` }
  }
  for (const name of ['mel', 'jacintar', 'admin']) await h.signIn(name, h.visitor())
  assert.ok(times >= 3)
  assert.equal(h.provider.asked.get('/jwks'), 1)
})

test('a key that is new is looked for at once, and after that no more than once a minute', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('mel')
  await h.provider.rotate(true)
  await h.signIn('jacintar', h.visitor())
  assert.equal(h.provider.asked.get('/jwks'), 2, 'one more fetch, seconds after the first')
  const refused = async () => {
    const browser = h.visitor()
    const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
    assert.equal(back.url.searchParams.get('signin'), 'auth.answer-invalid')
    assert.equal(browser.cookie('__Host-seneschal'), undefined)
  }
  await h.provider.rotate(false)
  for (let tries = 0; tries < 3; tries += 1) await refused()
  assert.equal(h.provider.asked.get('/jwks'), 2)
  h.shift(minute)
  await refused()
  assert.equal(h.provider.asked.get('/jwks'), 3)
  await h.provider.rotate(true)
  h.shift(minute)
  await h.signIn('mel', h.visitor())
})

test('a key that the provider withdrew counts for ten minutes at most', async (t) => {
  const h = await startTestHub(t)
  await h.signIn('mel')
  await h.provider.rotate(true)
  // Whoever stole the old one goes on signing by it.
  h.provider.lies.sign = undefined
  h.shift(10 * minute)
  await h.feed.heartbeat(Date.now() + 10 * minute)
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), {
    name: 'jacintar',
    password: 'jacintar',
  })
  assert.equal(back.url.searchParams.get('signin'), 'auth.answer-invalid')
})

test('while its keys cannot be fetched nobody signs in, and it is not their answer that is wrong', async (t) => {
  const h = await impatient(t)
  h.provider.lies.answer = (path, response) => {
    if (path === '/jwks') response.writeHead(404).end()
    return path === '/jwks'
  }
  const browser = h.visitor()
  const back = await browser.submit(await browser.open('/auth/login'), { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'auth.provider-unavailable')
  h.provider.lies.answer = undefined
  await h.signIn('mel', browser)
})
