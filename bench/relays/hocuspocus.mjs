// Hocuspocus as it comes, listening at a free port of this machine.
import { Server } from '@hocuspocus/server'

const server = new Server({ address: '127.0.0.1', port: 0, quiet: true, stopOnSignals: false, timeout: 600_000 })
await server.listen()
// Without persistence it forgets a document as soon as nobody has it open.
await server.hocuspocus.openDirectConnection('bench')
console.log(JSON.stringify({ port: server.address.port }))
