// A server that asks for a token, with npm's `socket.io-client`: refused with data, let in after that.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { server, step } from './client.mjs'
import { io } from './io.mjs'

const address = server.replace('ws:', 'http:')

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  const way = transports.join(' then ')
  const options = { transports, forceNew: true, reconnection: false }

  for (const [auth, reason] of [
    [undefined, 'auth.token is missing, or no text'],
    [{ token: 'wrong' }, 'auth.token is not known'],
  ]) {
    step(`${way}: refused, ${reason}`)
    const socket = io(address + '/binance', { ...options, auth })
    const [error] = await once(socket, 'connect_error')
    assert.equal(error.message, 'not authorized')
    assert.deepEqual(error.data, { code: 401, reason })
    assert.equal(socket.active, false, 'it is the program that has to try again, with something else')

    step(`${way}: the same socket with a token`)
    socket.auth = { token: 'opensesame' }
    socket.connect()
    await once(socket, 'connect')
    assert.deepEqual(await socket.emitWithAck('subscriptions'), [])
    socket.io._close()
  }

  step(`${way}: a token from the start`)
  const socket = io(address + '/upbit', { ...options, auth: callback => callback({ token: 'opensesame' }) })
  await once(socket, 'connect')
  assert.deepEqual(await socket.emitWithAck('subscribe', ['KRW-BTC@ticker']), { ok: true })
  const [ticker] = await once(socket, 'ticker')
  assert.equal(ticker.code, 'KRW-BTC')
  socket.io._close()
}
process.exit(0)
