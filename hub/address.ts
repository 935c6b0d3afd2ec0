/** The address that a request came from: that of the connection, or what a trusted proxy in front says. */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

export type AddressOf = (request: IncomingMessage) => string

const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

/** Whether an address is one of these, or within one of these CIDR ranges. */
export const addressList = (entries: readonly string[]): ((address: string) => boolean) => {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    if (bits === undefined) list.addAddress(address, family(address))
    else list.addSubnet(address, Number(bits), family(address))
  }
  return (address) => isIP(address) !== 0 && list.check(address, family(address))
}

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
  const isProxy = addressList(trusted)
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
