// What the scripts share: the server's address, a deadline, and a socket whose messages are taken one by one.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import WebSocket from 'ws'

/** Where the server listens: `ws://ip:port`. */
export const server = process.argv[2]

const DEADLINE_MS = 50_000

let doing = 'nothing yet'

/** Says what is being done, for whoever reads of a failure. */
export function step(text) {
  doing = text
}

process.on('exit', code => code === 0 || console.error(`failed at: ${doing}`))

setTimeout(() => {
  console.error('the deadline has passed')
  process.exit(1)
}, DEADLINE_MS).unref()

export class Client {
  #waiting = []
  #messages = []

  /** An open connection to `path`. */
  static async open(path, options) {
    const client = new Client(path, options)
    await once(client.socket, 'open')
    return client
  }

  constructor(path, options) {
    this.socket = new WebSocket(server + path, options)
    /** Settles with code and reason when the connection has ended. */
    this.closed = once(this.socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }))
    // Whoever waits for it hears of an error; nobody need wait.
    this.closed.catch(() => {})
    this.socket.on('message', (data, isBinary) => {
      this.#messages.push({ text: data.toString(), isBinary })
      this.#waiting.shift()?.()
    })
  }

  send(text) {
    this.socket.send(text)
  }

  /** The next message, as text. */
  async text() {
    while (this.#messages.length === 0) await new Promise(resolve => this.#waiting.push(resolve))
    const { text, isBinary } = this.#messages.shift()
    assert.equal(isBinary, this.socket.url.endsWith('/websocket/v1'), 'Upbit sends binary frames, Binance text')
    return text
  }

  /** The next message, parsed. */
  async json() {
    return JSON.parse(await this.text())
  }

  /** The next message that is the answer to a request, as text; events that come before it are passed over. */
  async answer() {
    for (;;) {
      const text = await this.text()
      if ('id' in JSON.parse(text)) return text
    }
  }

  async close() {
    this.socket.close()
    await this.closed
  }
}
