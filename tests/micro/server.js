// Serves the services and the routes on free ports, and prints the ports as one line of JSON.
'use strict';

const http = require('http');
const { serve } = require('micro');
const services = require('./services.js');
const { routes, site } = require('./routes.js');

const listen = (handler) =>
  new Promise((resolve) => {
    const server = http.createServer(serve(handler));
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });

(async () => {
  const ports = {
    services: await listen(services),
    routes: await listen(routes),
    site: await listen(site),
  };
  console.log(JSON.stringify(ports));
})();

// The server ends together with the process that started it.
process.stdin.resume().on('end', () => process.exit());
