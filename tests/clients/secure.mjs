// Clients of both venues over wss, with npm's `ws`, while the server's certificate changes: `secure.mjs wss://… ca.pem`.
// Prints READY when it may change, and ends when it has.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import WebSocket from 'ws'
import { Client, server, step } from './client.mjs'

const ca = readFileSync(process.argv[3])
const trade = async client => {
  const event = await client.json()
  assert.equal(event.e, 'trade')
  return event.t
}

step('connections of both venues')
const open = path => Client.open(path, { ca })
const clients = await Promise.all(Array.from({ length: 10 }, () => open('/ws/btcusdt@trade')))
const before = clients[0].socket._socket.getPeerCertificate().fingerprint256
const upbit = await open('/websocket/v1')
upbit.send('[{"ticket":"test"},{"type":"orderbook","codes":["KRW-BTC"]}]')
assert.equal((await upbit.json()).code, 'KRW-BTC')

step('a stranger’s certificate is not taken')
await assert.rejects(once(new WebSocket(server + '/ws'), 'open'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })

step('ids that rise by one, while the certificate changes')
let isChanged = false
const followed = clients.map(async client => {
  let last = await trade(client)
  for (let since = 0; since < 10; since += isChanged) {
    const id = await trade(client)
    assert.equal(id, last + 1)
    last = id
  }
})
console.log('READY')
let late = await open('/ws/btcusdt@trade')
while (late.socket._socket.getPeerCertificate().fingerprint256 === before) {
  await late.close()
  await setTimeout(50)
  late = await open('/ws/btcusdt@trade')
}
await trade(late)
isChanged = true
await Promise.all(followed)
assert.equal((await upbit.json()).type, 'orderbook')

step('the end')
for (const client of [...clients, late, upbit]) await client.close()
