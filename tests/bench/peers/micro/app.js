// The application of the benchmarks, written with microrouter: see ../../README.md.
const http = require('http');
const { Readable } = require('stream');
const { buffer, json, serve } = require('micro');
const { get, post, router } = require('microrouter');

const upload = async (req) => {
  let length = 0;
  for await (const chunk of req) {
    length += chunk.length;
  }
  return String(length);
};

function* chunks() {
  for (let n = 0; n < 10000; n += 1) {
    yield 'sixteen bytes...';
  }
}

const routes = [];
for (let n = 0; n < 200; n += 1) {
  routes.push(get(`/route${n}/:id`, (req) => req.params.id));
}

const app = router(
  get('/', () => 'Hello, world!'),
  post('/json', (req) => json(req)),
  post('/echo', (req) => buffer(req, { limit: '2mb' })),
  post('/upload', upload),
  get('/bytes/:length', (req) => Buffer.alloc(Number(req.params.length), 'x')),
  get('/stream', () => Readable.from(chunks())),
  ...routes,
);

const [host, port] = (process.argv[2] ?? '127.0.0.1:3000').split(':');
http.createServer(serve(app)).listen(port, host);
