// The echo, with npm's `ws`: as it is and compressed, in every size, in parts, and to every end.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import WebSocket from 'ws'
import { server, step } from './client.mjs'

const SIZES = [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20]

const OFFERS = [
  false,
  true,
  { threshold: 0 },
  { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
  { threshold: 0, serverMaxWindowBits: 12 },
  { threshold: 0, serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
]

async function open(perMessageDeflate) {
  const socket = new WebSocket(`${server}/conformance/echo`, { perMessageDeflate, maxPayload: 32 << 20 })
  await once(socket, 'open')
  return socket
}

async function returns(socket, message) {
  const [data, isBinary] = await once(socket, 'message')
  assert.equal(isBinary, typeof message !== 'string')
  assert.ok(Buffer.from(message).equals(data), `${data.length} bytes came back for ${message.length}`)
}

async function ends(socket, code) {
  const [came] = await once(socket, 'close')
  assert.equal(came, code)
}

for (const offer of OFFERS) {
  step(`agreeing on ${JSON.stringify(offer)}`)
  const socket = await open(offer)
  assert.equal(socket.extensions, offer ? 'permessage-deflate' : '')
  for (const size of SIZES) {
    step(`${size} bytes, with ${JSON.stringify(offer)}`)
    for (const message of ['text '.repeat(size / 5), randomBytes(size)]) {
      socket.send(message)
      await returns(socket, message)
    }
  }
  step(`parts and pings, with ${JSON.stringify(offer)}`)
  socket.send('in ', { fin: false })
  socket.ping('between')
  socket.send('three ', { fin: false })
  socket.send('parts 😀', { fin: true })
  const [[pong]] = await Promise.all([once(socket, 'pong'), returns(socket, 'in three parts 😀')])
  assert.equal(pong.toString(), 'between')
  step(`many at a time, with ${JSON.stringify(offer)}`)
  const all = Array.from({ length: 1_000 }, (_, n) => `message ${n} ${'x'.repeat(n)}`)
  const came = []
  const done = new Promise(resolve => {
    socket.on('message', data => came.push(data.toString()) === all.length && resolve())
  })
  all.forEach(text => socket.send(text))
  await done
  assert.deepEqual(came, all)
  socket.close(3_456, 'because')
  await ends(socket, 3_456)
}

step('a message larger than allowed')
{
  const socket = await open(false)
  socket.on('error', () => {})
  socket.send(Buffer.alloc((16 << 20) + 1))
  await ends(socket, 1_009)
}

step('an end without a code')
{
  const socket = await open(true)
  socket.close()
  await ends(socket, 1_000)
}
process.exit(0)
