/**
 * Everything a fresh machine needs before `npm start`, `npm test` or `npm run bench`: the locked packages (which bring
 * the right Node along), the bundles, and, for tests and bench, system packages. Plain CommonJS: the machine's own, older Node runs it.
 */
'use strict'
const { spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const root = path.dirname(__dirname)
const wants = new Set(process.argv.slice(2))
const say = (text) => process.stderr.write(`setup: ${text}\n`)

const run = (command, args, options = {}) => {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (result.error !== undefined || result.status !== 0) {
    say(`failed: ${command} ${args.join(' ')}${result.error ? `: ${result.error.message}` : ''}`)
    process.exit(1)
  }
}

const digest = (file) =>
  createHash('sha256')
    .update(fs.readFileSync(path.join(root, file)))
    .digest('hex')

const packages = () => {
  const stamp = path.join(root, 'node_modules', '.seneschal-setup')
  const wanted = digest('package-lock.json')
  const have = fs.existsSync(stamp) ? fs.readFileSync(stamp, 'utf8') : ''
  const node = path.join(root, 'node_modules', '.bin', 'node')
  if (have === wanted && fs.existsSync(node)) return
  say('installing the locked packages (once)')
  run('npm', ['ci', '--ignore-scripts', '--loglevel=error'])
  if (!fs.existsSync(node)) {
    say('the right Node did not come along: this machine is neither linux-x64 nor linux-arm64')
    process.exit(1)
  }
  fs.writeFileSync(stamp, wanted)
}

const bundles = () =>
  run(path.join(root, 'node_modules', '.bin', 'node'), ['scripts/build.ts', '--if-changed'])

const has = (program) =>
  [process.env.PATH ?? '', '/usr/sbin', '/usr/bin', '/sbin']
    .join(':')
    .split(':')
    .some((directory) => directory !== '' && fs.existsSync(path.join(directory, program)))

const aptIsOurs = () => process.getuid?.() === 0 && has('apt-get')

let updated = false
const apt = (args, options) => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  if (!updated) {
    updated = true
    run('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  run('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'], ...options })
}

/** Servers would start themselves when installed, so they are unpacked beside the checkout instead. */
const unpack = (name, program, packages) => {
  const cache = path.join(root, '.cache', name)
  if (has(path.basename(program)) || fs.existsSync(path.join(cache, program))) return
  say(`unpacking ${packages[0]} into .cache/ (it is not installed)`)
  fs.mkdirSync(cache, { recursive: true, mode: 0o755 })
  apt(['download', '-qq', '-o', 'APT::Sandbox::User=root', ...packages], { cwd: cache })
  for (const file of fs.readdirSync(cache).filter((entry) => entry.endsWith('.deb')))
    run('dpkg', ['-x', file, cache], { cwd: cache })
}

/** sshd separates its privileges into this account; the package's installation would have made it. */
const sshdAccount = () => {
  if (spawnSync('getent', ['passwd', 'sshd']).status === 0) return
  say('creating the system account sshd, which sshd needs for privilege separation')
  run('useradd', [
    '--system',
    '--no-create-home',
    '--home-dir',
    '/run/sshd',
    '--shell',
    '/usr/sbin/nologin',
    'sshd',
  ])
}

/** Plugins' sandbox; its libraries are those that everybody has. */
const sandboxParts = () => {
  if (has('bwrap') || aptIsOurs()) unpack('bubblewrap', 'usr/bin/bwrap', ['bubblewrap'])
  else missing('bwrap (Debian: bubblewrap)', 'all with plugins in their sandbox')
}

/** A directory server, with those of its libraries that not everybody has. */
const directoryParts = () => {
  const packages = [
    'slapd',
    'libldap-2.5-0',
    'libltdl7',
    'libodbc2',
    'libargon2-1',
    'libperl5.36',
    'libwrap0',
    'libsasl2-2',
  ]
  if (has('slapd') || aptIsOurs()) unpack('slapd', 'usr/sbin/slapd', packages)
  else missing('slapd', 'all with groups of a directory server')
}

const missing = (what, consequence) => say(`missing: ${what}. Left out: ${consequence}.`)

/** A library that lets a process see another time: hosts whose clocks are wrong. */
const clockParts = () => {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  if (aptIsOurs()) unpack('faketime', `usr/lib/${triplet}/faketime/libfaketime.so.1`, ['libfaketime'])
  else missing('libfaketime', 'the test of hosts with wrong clocks')
}

/** A batch system; its daemons must be of one version, so none of the machine's own are used. */
const slurmParts = () => {
  const packages = [
    'slurmctld',
    'slurmd',
    'slurm-client',
    'slurm-wlm-basic-plugins',
    'munge',
    'libmunge2',
    'libhwloc15',
  ]
  if (aptIsOurs()) unpack('slurm', 'usr/sbin/slurmctld-wlm', packages)
  else missing('slurmctld, slurmd and munge', 'all with servers as jobs of Slurm')
}

/** It looks for its rules and plugins in the system's own places, so it cannot be unpacked beside the checkout. */
const sudoParts = () => {
  if (has('sudo')) return
  if (aptIsOurs()) {
    say('installing sudo')
    apt(['install', '-y', '-qq', '--no-install-recommends', 'sudo'])
  } else missing('sudo', 'all with servers started by sudo')
}

const sshParts = () => {
  if (aptIsOurs()) {
    if (!has('ssh-keygen')) apt(['install', '-y', '-qq', '--no-install-recommends', 'openssh-client'])
    unpack('openssh', 'usr/sbin/sshd', ['openssh-server', 'openssh-sftp-server', 'libwrap0'])
    sshdAccount()
  } else if (!has('sshd')) missing('sshd (Debian: openssh-server)', 'all with a real sshd and real accounts')
  else if (process.getuid?.() !== 0) missing('root', 'all with a real sshd and real accounts')
}

const browserParts = () => {
  if (has('chromium')) return
  if (aptIsOurs()) {
    say('installing chromium')
    apt(['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'])
  } else missing('chromium', 'all with a browser')
}

const peerParts = () => {
  if (aptIsOurs()) unpack('nginx', 'usr/sbin/nginx', ['nginx'])
  else if (!has('nginx')) missing('nginx', 'nginx beside the hub')
}

packages()
bundles()
if (wants.has('ssh') || wants.has('tests') || wants.has('bench')) sshParts()
if (wants.has('tests') || wants.has('bench')) browserParts()
if (wants.has('tests')) {
  sandboxParts()
  directoryParts()
  clockParts()
  slurmParts()
  sudoParts()
}
if (wants.has('bench')) peerParts()
