// Routes, as a user of microrouter writes them. routes.rs has the same routes.
'use strict';

const { createError, json, send } = require('micro');
const { del, get, head, options, patch, post, put, router, withNamespace } = require('microrouter');

const named = (name) => () => name;

const number = (req) => {
  const id = Number(req.params.id);
  if (!Number.isInteger(id) || id < 0) {
    throw createError(400, 'Invalid path parameter id: expected u32');
  }
  return id;
};

const api = withNamespace('/api/v1');
const inner = withNamespace('/inner');

const routes = [
  get('/next', named('next')),
  get('/', named('home')),
  post('/', async (req) => json(req)),
  get('/plain', named('plain')),
  get('/hello/:name', (req) => `Hello ${req.params.name}`),
  post('/hello/:name', (req) => `Posted ${req.params.name}`),
  get('/users/:user/posts/:post', (req) => `${req.params.user} ${req.params.post}`),
  get('/search', (req) => req.query),
  get('/tags', (req) => req.query.tag || []),
  get('/lang(/:lang)', (req) => `lang ${req.params.lang || 'none'}`),
  get('/files/*', (req) => `file ${req.params._}`),
  get('/middle/*/end', (req) => `middle ${req.params._}`),
  get('/named/:name.:ext', (req) => `${req.params.name} ${req.params.ext}`),
  get('/range/:from-:to', (req) => Object.values(req.params).join(' ')),
  get('/typed/:id', number),
  get('/order/:id', (req) => `order ${req.params.id}`),
  get('/order/new', named('new order')),
  get('/falsy/empty', named('')),
  get('/falsy/zero', named(0)),
  get('/falsy/null', named(null)),
  get('/sent', (req, res) => send(res, 202, { sent: true })),
  get('/error', () => {
    throw createError(409, 'Taken');
  }),
  put('/item', named('put')),
  patch('/item', named('patched')),
  del('/item', named('deleted')),
  head('/item', named('head')),
  options('/item', named('options')),
  get('/caf%C3%A9', named('coffee')),
  api(get('/', named('api')), get('/users/:id', (req) => `user ${req.params.id}`)),
  api(inner(get('/deep', named('deep')))),
  router(get('/sub', named('sub'))),
];

exports.routes = router(...routes);
// The same routes, with a route for all other paths.
exports.site = router(...routes, get('/*', (req, res) => send(res, 404, 'Nothing here')));
