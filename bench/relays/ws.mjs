// A bare broadcast on ws: what a writer says goes to all readers.
import { WebSocketServer } from 'ws'

const readers = new Set()
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
server.on('connection', (socket, request) => {
  if (request.url === '/read') {
    readers.add(socket)
    socket.on('close', () => readers.delete(socket))
    return
  }
  socket.on('message', (data) => {
    for (const reader of readers) reader.send(data, { binary: true })
    socket.send('ok')
  })
})
server.on('listening', () => console.log(JSON.stringify({ port: server.address().port })))
