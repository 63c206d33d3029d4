// The chat that every tutorial of Socket.IO shows, and rooms, with npm's `socket.io-client` over each transport and over
// the change between them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { server, step } from './client.mjs'
import { io } from './io.mjs'

const address = server.replace('ws:', 'http:')

/** The script of a tutorial's page: what it is told it appends to a list. */
function page(namespace, transports) {
  const socket = io(address + namespace, { transports, forceNew: true, reconnection: false })
  const page = { socket, messages: [] }
  const waiting = []
  page.next = async () => {
    while (page.messages.length === 0) await new Promise(resolve => waiting.push(resolve))
    return page.messages.shift()
  }
  socket.on('connect_error', error => assert.fail(`${namespace}: ${error.message}`))
  for (const name of ['chat message', 'message', 'joined', 'left', 'error']) {
    socket.on(name, (...args) => {
      page.messages.push([name, ...args])
      waiting.shift()?.()
    })
  }
  return page
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  const way = transports.join(' then ')

  step(`${way}: what one page sends all show, the sender's own included, and before it was connected`)
  const [ann, bob] = [page('/', transports), page('/', ['websocket'])]
  await once(bob.socket, 'connect')
  ann.socket.emit('chat message', 'hello from ann')
  for (const { next } of [ann, bob]) assert.deepEqual(await next(), ['chat message', 'hello from ann'])
  bob.socket.emit('chat message', 'hello, ann', 'id-1')
  for (const { next } of [ann, bob]) assert.deepEqual(await next(), ['chat message', 'hello, ann', 'id-1'])
  assert.deepEqual(await ann.socket.emitWithAck('chat message', { at: 1.5 }), { ok: true })
  for (const { next } of [ann, bob]) assert.deepEqual(await next(), ['chat message', { at: 1.5 }])
  assert.equal(ann.socket.io.engine.transport.name, transports.at(-1))
  ann.socket.disconnect()
  bob.socket.disconnect()

  step(`${way}: rooms, and who is in them`)
  const [cat, dan, eve] = [page('/rooms', transports), page('/rooms', transports), page('/rooms', ['polling'])]
  const room = `trading ${way}`
  assert.deepEqual(await cat.socket.emitWithAck('join', room), { ok: true, room, members: 1 })
  assert.deepEqual(await dan.socket.emitWithAck('joinRoom', { room }), { ok: true, room, members: 2 })
  assert.deepEqual(await cat.next(), ['joined', { room, id: dan.socket.id, members: 2 }])
  assert.deepEqual(await eve.socket.emitWithAck('join', room), { ok: true, room, members: 3 })
  for (const { next } of [cat, dan]) assert.deepEqual((await next())[1].id, eve.socket.id)

  step(`${way}: text, objects and bytes, nested too`)
  const from = cat.socket.id
  const bytes = Buffer.from([0, 1, 254, 255])
  const messages = ['buy', { price: 0.1, tags: [null, true] }, bytes, { picture: { name: 'a', data: bytes }, more: [bytes] }]
  for (const message of messages) cat.socket.emit('message', { room, message })
  for (const { next } of [dan, eve]) {
    for (const message of messages) assert.deepEqual(await next(), ['message', { room, message, from }])
  }
  assert.equal(cat.messages.length, 0, 'who sends hears nothing of it')

  step(`${way}: what cannot be done`)
  const { ok, error } = await dan.socket.emitWithAck('message', { room: 'elsewhere', message: 1 })
  assert.deepEqual([ok, error], [false, 'you are not in room `elsewhere`'])
  dan.socket.emit('leave', 'elsewhere')
  assert.deepEqual(await dan.next(), ['error', { ok: false, error: 'you are not in room `elsewhere`' }])

  step(`${way}: leaving, and losing the connection`)
  assert.deepEqual(await eve.socket.emitWithAck('leaveRoom', room), { ok: true, room, members: 2 })
  for (const { next } of [cat, dan]) assert.deepEqual((await next())[0], 'left')
  const id = dan.socket.id
  dan.socket.io.engine.close()
  assert.deepEqual(await cat.next(), ['left', { room, id, members: 1 }])
  assert.equal(eve.messages.length, 0)
  cat.socket.disconnect()
  eve.socket.disconnect()
}

step('events in the tick of the connect, of many at once')
{
  const listener = page('/rooms', ['websocket'])
  await once(listener.socket, 'connect')
  const count = 100
  const sent = Array.from({ length: count }, (_, number) => {
    const { socket } = page('/rooms', number % 2 ? ['websocket'] : ['polling', 'websocket'])
    socket.once('connect', () => socket.emit('chat message', number))
    return socket
  })
  const seen = new Set()
  while (seen.size < count) seen.add((await listener.next())[1])
  assert.deepEqual([...seen].sort((a, b) => a - b), sent.map((_, number) => number))
  for (const socket of sent) socket.disconnect()
  listener.socket.disconnect()
}
