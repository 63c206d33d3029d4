// The feed that all of them play: what the variable TAPECAST_FEED says, with tapecast's own messages.

const text = process.env.TAPECAST_FEED ?? 'bench:'
const parts = Object.fromEntries(text.slice('bench:'.length).split(',').map(part => part.split('=')))
const [symbols, rate] = [Number(parts.symbols ?? 1), Number(parts.rate ?? 100)]
const isBurst = parts.burst === 'true'
// Due times are put off to the next multiple of this, in milliseconds; 0 for none.
const grain = parts.grain ? parseFloat(parts.grain) / (parts.grain.endsWith('us') ? 1000 : 1) : 0

const names = Array.from({ length: symbols }, (_, n) => `s${String(n).padStart(3, '0')}usdt`)

/// What clients subscribe to.
export const topics = names.map(name => `${name}@ticker`)

/// The topics in an address such as /ws/a/b?c.
export const topicsOf = path => path.split('?')[0].split('/').slice(2)

/// An update of a symbol, as an object.
const event = (symbol, number) => ({
  e: '24hrTicker',
  E: Math.round((performance.timeOrigin + performance.now()) * 1000),
  s: names[symbol].toUpperCase(),
  p: '-12.34000000', P: '-0.123', w: '10000.51234567', x: '10000.12000000', c: '10000.00000000', Q: '0.01230000',
  b: '10000.00000000', B: '1.23456000', a: '10000.01000000', A: '2.34567000', o: '10000.34000000', h: '10000.99000000',
  l: '10000.00000000', v: '12345.67890000', q: '987654321.12345678', O: 1789999999000000, C: 1790086399000000, F: 1,
  L: number, n: number,
})

/// Calls `publish(topic, event)` for every update when it is due, for ever.
export function play(publish) {
  const start = performance.now()
  let made = 0
  const exact = () => ((isBurst ? Math.floor(made / symbols) / rate : made / (rate * symbols)) * 1000)
  const due = grain ? () => Math.ceil(exact() / grain - 1e-9) * grain : exact
  const turn = () => {
    while (due() <= performance.now() - start) {
      const symbol = made % symbols
      publish(topics[symbol], event(symbol, Math.floor(made / symbols) + 1))
      made++
    }
    setTimeout(turn, due() - (performance.now() - start))
  }
  turn()
}
