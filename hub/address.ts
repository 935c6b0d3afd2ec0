/** The address that a request came from: that of the connection, or what a trusted proxy in front says. */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

export type AddressOf = (request: IncomingMessage) => string

const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

/** `trusted`: addresses or CIDR ranges of the site's own proxies. */
export const createAddressOf = (trusted: readonly string[]): AddressOf => {
  const proxies = new BlockList()
  for (const entry of trusted) {
    const [address = '', bits] = entry.split('/')
    if (bits === undefined) proxies.addAddress(address, family(address))
    else proxies.addSubnet(address, Number(bits), family(address))
  }
  const isProxy = (address: string) => isIP(address) !== 0 && proxies.check(address, family(address))
  if (trusted.length === 0) return (request) => plain(request.socket.remoteAddress ?? '')
  return (request) => {
    let address = plain(request.socket.remoteAddress ?? '')
    // From the nearest hop outwards: each entry was written by the hop after it, so it holds while that is ours.
    for (const hop of [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',').reverse()) {
      const said = plain(hop.trim())
      if (!isProxy(address) || isIP(said) === 0) break
      address = said
    }
    return address
  }
}
