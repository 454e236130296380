const http = require('http');
const { serve } = require('micro');

const [host, port] = (process.argv[2] ?? '127.0.0.1:3000').split(':');
http.createServer(serve(() => 'Hello, world!')).listen(port, host);
