/** The address that a request came from: that of the connection, or what a trusted proxy in front says. */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

export type AddressOf = (request: IncomingMessage) => string

const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

/** Set by what passes requests on; a client of ours has no reason to. */
const forwardedFor = 'x-forwarded-for'
export const cameThroughProxy = ({ headers }: IncomingMessage): boolean => headers[forwardedFor] !== undefined

/**
 * `trusted`: addresses or CIDR ranges of the site's own proxies. `onStranger` is told once of somebody else who says
 * for whom he asks: a proxy that was not listed makes everybody look like itself.
 */
export const createAddressOf = (
  trusted: readonly string[],
  onStranger: (address: string) => void = () => undefined,
): AddressOf => {
  let told = false
  const proxies = new BlockList()
  for (const entry of trusted) {
    const [address = '', bits] = entry.split('/')
    if (bits === undefined) proxies.addAddress(address, family(address))
    else proxies.addSubnet(address, Number(bits), family(address))
  }
  const isProxy = (address: string) => isIP(address) !== 0 && proxies.check(address, family(address))
  return (request) => {
    let address = plain(request.socket.remoteAddress ?? '')
    if (!cameThroughProxy(request)) return address
    if (!told && !isProxy(address)) {
      told = true
      onStranger(address)
    }
    // From the nearest hop outwards: each entry was written by the hop after it, so it holds while that is ours.
    for (const hop of [request.headers[forwardedFor] ?? []].flat().join(',').split(',').reverse()) {
      const said = plain(hop.trim())
      if (!isProxy(address) || isIP(said) === 0) break
      address = said
    }
    return address
  }
}
