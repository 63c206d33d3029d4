// Compressed frames, with npm's `ws`: every one holds what a client without compression gets.

import assert from 'node:assert/strict'
import { Client, step } from './client.mjs'

const PATH = '/websocket/v1'
const FRAMES = 300

const request = JSON.stringify([
  { ticket: 'test' },
  ...['trade', 'orderbook'].map(type => ({ type, codes: ['KRW-BTC', 'KRW-ETH'], is_only_realtime: true })),
])

const open = perMessageDeflate => Client.open(PATH, { perMessageDeflate })

/** The next messages. */
async function take(client, count) {
  const texts = []
  while (texts.length < count) texts.push(await client.text())
  return texts
}

step('agreeing on it, or not')
const [deflated, plain] = [await open(true), await open(false)]
assert.match(deflated.socket.extensions, /^permessage-deflate/)
assert.equal(plain.socket.extensions, '')

step('the same frames with and without')
{
  deflated.send(request)
  plain.send(request)
  const [one, other] = await Promise.all([take(deflated, FRAMES), take(plain, FRAMES)])
  // One of them was first; from where the other begins they agree.
  const ahead = other.indexOf(one[0])
  const [first, second] = ahead >= 0 ? [other, one] : [one, other]
  const common = first.slice(first.indexOf(second[0]))
  assert.ok(first.includes(second[0]) && common.length > FRAMES / 3, `${common.length} frames in common`)
  assert.deepEqual(second.slice(0, common.length), common)
  const { bytesRead } = deflated.socket._socket
  assert.ok(bytesRead < plain.socket._socket.bytesRead * 0.7, `${bytesRead} bytes`)
}
await Promise.all([deflated.close(), plain.close()])

step('a request and its answer, both compressed and above 64 KiB')
{
  const client = await open({ threshold: 0 })
  const letters = () => Math.random().toString(36).slice(2, 12).toUpperCase()
  const codes = Array.from({ length: 15_000 }, () => `${letters()}-${letters()}`)
  client.send(JSON.stringify([{ ticket: 'test' }, { type: 'trade', codes }]))
  client.send(JSON.stringify([{ ticket: 'list' }, { method: 'LIST_SUBSCRIPTIONS' }]))
  const { result, ticket } = await client.json()
  assert.equal(ticket, 'list')
  assert.deepEqual(result, [{ type: 'trade', codes }])
  assert.ok(client.socket._socket.bytesRead > 65_536)
  await client.close()
}
