// The chat that every tutorial of WebSocket shows, with npm's `ws`: what one sends all others get.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import WebSocket from 'ws'
import { server, step } from './client.mjs'

/** The script of a tutorial's page: it shows what it is sent. */
async function page(path) {
  const socket = new WebSocket(server + path)
  const shown = []
  const waiting = []
  socket.on('message', (data, isBinary) => {
    shown.push(isBinary ? data : data.toString())
    waiting.shift()?.()
  })
  await once(socket, 'open')
  const next = async () => {
    while (shown.length === 0) await new Promise(resolve => waiting.push(resolve))
    return shown.shift()
  }
  return { socket, next, welcome: JSON.parse(await next()) }
}

step('a greeting')
const ann = await page('/rooms/lobby')
assert.deepEqual(ann.welcome, { event: 'welcome', room: 'lobby', id: ann.welcome.id, members: 1 })
const bob = await page('/rooms/lobby')
const watcher = await page('/rooms/lobby?presence=true')
assert.equal(watcher.welcome.members, 3)

step('text and bytes')
ann.socket.send('hello, world')
ann.socket.send(Buffer.from([1, 2, 255]))
ann.socket.send(JSON.stringify({ user: 'ann', text: 'h\u00e9llo' }))
for (const { next } of [bob, watcher]) {
  assert.equal(await next(), 'hello, world')
  assert.deepEqual(await next(), Buffer.from([1, 2, 255]))
  assert.deepEqual(JSON.parse(await next()), { user: 'ann', text: 'h\u00e9llo' })
}
bob.socket.send('hello, ann')
assert.equal(await ann.next(), 'hello, ann', 'and nothing of its own')

step('who comes and goes')
assert.equal(await watcher.next(), 'hello, ann')
const { welcome, socket } = await page('/rooms/lobby')
assert.deepEqual(JSON.parse(await watcher.next()), { event: 'joined', room: 'lobby', id: welcome.id, members: 4 })
socket.close()
assert.deepEqual(JSON.parse(await watcher.next()), { event: 'left', room: 'lobby', id: welcome.id, members: 3 })

for (const { socket } of [ann, bob, watcher]) socket.close()
