/** A real slapd on loopback, with a directory of its own in a temporary place. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'ldapts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

const cache = join(dirname(dirname(import.meta.dirname)), '.cache', 'slapd')
const unpacked = existsSync(join(cache, 'usr/sbin/slapd'))
const prefix = unpacked ? cache : '/'
const libraries = join(cache, 'usr/lib/x86_64-linux-gnu')

/** Whether a slapd is on this machine. */
export const hasSlapd = unpacked || existsSync('/usr/sbin/slapd')

export const suffix = 'dc=example,dc=org'
export const administrator = { dn: `cn=admin,${suffix}`, password: 'demonstration-only' } as const

const configuration = (directory: string): string => {
  const schema = join(prefix, 'etc/ldap/schema')
  return [
    ...['core', 'cosine', 'inetorgperson', 'nis'].map((name) => `include ${join(schema, `${name}.schema`)}`),
    `modulepath ${join(prefix, 'usr/lib/ldap')}`,
    'moduleload back_mdb',
    `pidfile ${join(directory, 'slapd.pid')}`,
    `TLSCACertificateFile ${join(directory, 'ca.pem')}`,
    `TLSCertificateFile ${join(directory, 'ca.pem')}`,
    `TLSCertificateKeyFile ${join(directory, 'key.pem')}`,
    // Nobody learns anything without having said who asks.
    'access to attrs=userPassword by anonymous auth by * none',
    'access to * by users read by * none',
    'database mdb',
    `suffix "${suffix}"`,
    `rootdn "${administrator.dn}"`,
    `rootpw ${administrator.password}`,
    `directory ${join(directory, 'data')}`,
    'maxsize 16777216',
    '',
  ].join('\n')
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

export type Slapd = {
  /** `ldap://127.0.0.1:PORT`; TLS by startTLS. */
  readonly url: string
  /** The same with TLS from the beginning. */
  readonly secureUrl: string
  readonly caFile: string
  /** What an administrator does to the directory. */
  readonly change: (work: (client: Client) => Promise<void>) => Promise<void>
  /** Killed; `start` brings it back with what it had. */
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  readonly close: () => Promise<void>
}

/** For 127.0.0.1, signed by itself. */
const makeCertificate = (directory: string): void => {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem']
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, '-days', '2', '-out', 'ca.pem'], {
    cwd: directory,
    stdio: 'ignore',
  })
}

export const startSlapd = async (): Promise<Slapd> => {
  const directory = await mkdtemp(join(tmpdir(), 'seneschal-slapd-'))
  await mkdir(join(directory, 'data'))
  const file = join(directory, 'slapd.conf')
  const caFile = join(directory, 'ca.pem')
  await writeFile(file, configuration(directory))
  makeCertificate(directory)
  const port = await freePort()
  const url = `ldap://127.0.0.1:${port}`
  const secureUrl = `ldaps://127.0.0.1:${await freePort()}`
  let ended: Promise<void> = Promise.resolve()
  let child: ReturnType<typeof spawn> | undefined

  const start = async (): Promise<void> => {
    const started = spawn(
      join(prefix, 'usr/sbin/slapd'),
      ['-d', '0', '-f', file, '-h', `${url} ${secureUrl}`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { PATH: '/usr/bin:/bin', ...(unpacked ? { LD_LIBRARY_PATH: libraries } : {}) },
      },
    )
    child = started
    ended = new Promise((resolve) => started.once('exit', () => resolve()))
    await until(() => answers(port))
  }
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    await ended
  }
  await start()

  const change: Slapd['change'] = async (work) => {
    const client = new Client({ url, timeout: 5000 })
    try {
      await client.bind(administrator.dn, administrator.password)
      await work(client)
    } finally {
      await client.unbind()
    }
  }
  return {
    url,
    secureUrl,
    caFile,
    change,
    kill,
    start,
    close: async () => {
      await kill()
      await rm(directory, { recursive: true })
    },
  }
}
