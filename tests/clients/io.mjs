// npm's `socket.io-client`, with the parser that whoever started the script has chosen.

import { io as connect } from 'socket.io-client'
import msgpack from 'socket.io-msgpack-parser'

/** `msgpack` for all connections, `mixed` for every other one, or nothing. */
const choice = process.env.SOCKETIO_PARSER

let connections = 0

/** `io` of `socket.io-client`. */
export function io(url, options) {
  const isPacked = choice === 'msgpack' || (choice === 'mixed' && connections++ % 2 === 0)
  return connect(url, isPacked ? { ...options, parser: msgpack } : options)
}
