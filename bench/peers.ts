/** Other people's proxies, each in its own process in front of the same upstream. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './ports.ts'
import { answers, type Program, startProgram } from './processes.ts'
import type { Bench } from './report/row.ts'

export type Peer = { readonly who: string; readonly port: number; readonly program: Program }

const root = join(import.meta.dirname, '..')
const nginxProgram = [join(root, '.cache/nginx/usr/sbin/nginx'), '/usr/sbin/nginx'].find((path) =>
  existsSync(path),
)

export const nginxMissing =
  nginxProgram === undefined
    ? 'nginx is not there (set-up fetches it as root on Debian): left out'
    : undefined

export const startChp = async (bench: Bench, upstream: number): Promise<Peer> => {
  const port = await freePorts(2)
  const program = await startProgram({
    command: process.execPath,
    args: [
      join(root, 'node_modules/configurable-http-proxy/bin/configurable-http-proxy'),
      '--ip=127.0.0.1',
      `--port=${port}`,
      '--api-ip=127.0.0.1',
      `--api-port=${port + 1}`,
      `--default-target=http://127.0.0.1:${upstream}`,
      '--log-level=error',
    ],
    env: { CONFIGPROXY_AUTH_TOKEN: 'of-the-bench' },
    isUp: () => answers(`http://127.0.0.1:${port}/`),
  })
  bench.defer(program.stop)
  return { who: 'configurable-http-proxy', port, program }
}

/** One process, so that its CPU time is all of it; sockets and kept connections as its documentation advises. */
const nginxConfig = (dir: string, port: number, upstream: number): string => `
daemon off;
master_process off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 100000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n  ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream bench { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 1h;
    }
  }
}
`

/** undefined where there is no nginx. */
export const startNginx = async (bench: Bench, upstream: number): Promise<Peer | undefined> => {
  if (nginxProgram === undefined) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'seneschal-bench-nginx-'))
  bench.defer(() => rmSync(dir, { recursive: true, force: true }))
  const port = await freePorts(1)
  // Where root runs the bench, nginx still runs as nobody, who cannot look into a checkout.
  const command = join(dir, 'nginx')
  copyFileSync(nginxProgram, command)
  chmodSync(command, 0o755)
  writeFileSync(join(dir, 'nginx.conf'), nginxConfig(dir, port, upstream))
  mkdirSync(join(dir, 'logs'))
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
  if (nobody !== undefined) chownSync(dir, nobody.uid, nobody.gid)
  const program = await startProgram({
    command,
    args: ['-p', dir, '-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')],
    ...nobody,
    isUp: () => answers(`http://127.0.0.1:${port}/`),
  })
  bench.defer(program.stop)
  return { who: 'nginx', port, program }
}
