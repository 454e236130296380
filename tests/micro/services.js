// One service for each path, as a user of micro writes it. services.rs has the same services.
'use strict';

const { Readable } = require('stream');
const { buffer, createError, json, send, text } = require('micro');

const services = {
  // The second request on each connection: shows that the connection still works.
  '/next': () => 'next',

  // Returned values.
  '/return/text': () => 'Hello',
  '/return/async': async () => 'Hello',
  '/return/empty': () => '',
  '/return/unicode': () => 'Grüße ☕',
  '/return/html': () => '<h1>Hello</h1>',
  '/return/integer': () => 42,
  '/return/zero': () => 0,
  '/return/negative': () => -1,
  '/return/float': () => 1.5,
  '/return/whole-float': () => 1.0,
  '/return/negative-zero': () => -0.0,
  '/return/large-integer': () => 9007199254740993,
  '/return/true': () => true,
  '/return/false': () => false,
  '/return/null': () => null,
  '/return/nothing': () => {},
  '/return/object': () => ({ name: 'Ada', admin: true }),
  '/return/keys': () => ({ zebra: 1, apple: 2, mango: { b: 1, a: 2 } }),
  '/return/array': () => [1, 'a', null, true],
  '/return/nested': () => ({ a: [{ b: {} }, []] }),
  '/return/date': () => new Date(0),
  '/return/bytes': () => Buffer.from([0, 1, 255]),
  '/return/no-bytes': () => Buffer.alloc(0),
  '/return/stream': () => Readable.from(['one ', 'two']),
  '/return/empty-stream': () => Readable.from([]),
  '/return/stream-with-type': (req, res) => {
    res.setHeader('Content-Type', 'text/csv');
    return Readable.from(['a,b\n', '1,2\n']);
  },
  '/return/stream-fails-first': () => Readable.from(failing([])),
  '/return/stream-fails-later': () => Readable.from(failing(['one '])),
  '/return/unserializable': () => {
    const value = {};
    value.itself = value;
    return value;
  },

  // A status that was set before a value is returned.
  '/status/created': (req, res) => {
    res.statusCode = 201;
    return 'made';
  },
  '/status/not-found': (req, res) => {
    res.statusCode = 404;
    return { error: 'nothing here' };
  },
  '/status/null': (req, res) => {
    res.statusCode = 404;
    return null;
  },

  // send(response, status, value).
  '/send/text': (req, res) => send(res, 200, 'sent'),
  '/send/object': (req, res) => send(res, 201, { sent: true }),
  '/send/array': (req, res) => send(res, 200, [1, 2]),
  '/send/number': (req, res) => send(res, 200, 7),
  '/send/bytes': (req, res) => send(res, 200, Buffer.from('bytes')),
  '/send/stream': (req, res) => send(res, 200, Readable.from(['sent'])),
  '/send/status': (req, res) => send(res, 404),
  '/send/null': (req, res) => send(res, 200, null),
  '/send/error': (req, res) => send(res, 400, { error: 'Custom error message' }),
  '/send/teapot': (req, res) => send(res, 418, 'teapot'),
  '/send/599': (req, res) => send(res, 599, 'unknown'),
  '/send/no-content': (req, res) => send(res, 204),
  '/send/204-with-text': (req, res) => send(res, 204, 'text'),
  '/send/205-with-text': (req, res) => send(res, 205, 'text'),
  '/send/304-with-text': (req, res) => send(res, 304, 'text'),
  '/send/own-type': (req, res) => {
    res.setHeader('Content-Type', 'text/csv');
    send(res, 200, 'a,b');
  },
  '/send/own-json-type': (req, res) => {
    res.setHeader('Content-Type', 'application/vnd.api+json');
    send(res, 200, { data: null });
  },

  // Headers.
  '/header/set': (req, res) => {
    res.setHeader('X-Version', '1');
    return 'set';
  },
  '/header/repeated': (req, res) => {
    res.setHeader('X-List', ['a', 'b']);
    return 'repeated';
  },
  '/header/cookies': (req, res) => {
    res.setHeader('Set-Cookie', ['a=1; Path=/', 'b=2; HttpOnly']);
    return 'cookies';
  },
  '/header/redirect': (req, res) => {
    res.setHeader('Location', '/elsewhere');
    send(res, 303);
  },
  '/header/close': (req, res) => {
    res.setHeader('Connection', 'close');
    return 'closed';
  },
  '/header/read': (req) => req.headers['x-list'] ?? 'none',
  '/header/cookie': (req) => req.headers.cookie ?? 'none',
  '/header/host': (req) => req.headers.host ?? 'none',
  '/method': (req) => req.method,
  '/url': (req) => req.url,

  // Errors.
  '/error/plain': () => {
    throw new Error('secret');
  },
  '/error/async': async () => {
    throw new Error('secret');
  },
  '/error/type': () => undefined.property,
  '/error/400': () => {
    throw createError(400, 'Wrong');
  },
  '/error/404': async () => {
    throw createError(404, 'No such page');
  },
  '/error/429': () => {
    throw createError(429, 'Rate limit exceeded');
  },
  '/error/500': () => {
    throw createError(500, 'Our fault');
  },
  '/error/503': () => {
    throw createError(503, 'Later');
  },
  '/error/original': () => {
    throw createError(418, 'Outer', new Error('inner'));
  },
  '/error/status-code': () => {
    const error = new Error('Rate limit exceeded');
    error.statusCode = 429;
    throw error;
  },
  '/error/status': () => {
    const error = new Error('Conflict');
    error.status = 409;
    throw error;
  },
  '/error/no-message': () => {
    throw createError(404);
  },
  '/error/empty-message': () => {
    throw createError(404, '');
  },
  '/error/thrown-text': () => {
    throw 'text';
  },
  '/error/thrown-object': () => {
    throw { statusCode: 400, message: 'object' };
  },
  '/error/thrown-null': () => {
    throw null;
  },
  '/error/status-100': () => {
    throw createError(100, 'not final');
  },
  '/error/status-99': () => {
    throw createError(99, 'too small');
  },
  '/error/status-1000': () => {
    throw createError(1000, 'too large');
  },
  '/error/after-send': (req, res) => {
    send(res, 200, 'sent');
    throw new Error('after the response');
  },

  // Bodies.
  '/buffer': (req) => buffer(req),
  '/text': (req) => text(req),
  '/text/latin1': (req) => text(req, { encoding: 'latin1' }),
  '/json': (req) => json(req),
  '/form': async (req) => Object.fromEntries(new URLSearchParams(await text(req))),
  '/length': async (req) => (await buffer(req)).length,
  '/all': async (req) => [(await buffer(req)).length, await text(req), await json(req)],
  '/ignore': () => 'ignored',
  '/limit/10': (req) => text(req, { limit: 10 }),
  '/limit/text': (req) => text(req, { limit: '10b' }),
  '/limit/1.5kb': async (req) => (await text(req, { limit: '1.5kb' })).length,
  '/limit/1mb': async (req) => (await text(req, { limit: '1mb' })).length,
  '/limit/2mb': async (req) => (await text(req, { limit: '2mb' })).length,
  '/limit/invalid': (req) => text(req, { limit: 'much' }),
  '/limit/smaller-later': async (req) => {
    await text(req);
    return text(req, { limit: 3 });
  },
  '/limit/larger-later': async (req) => {
    try {
      return await text(req, { limit: 3 });
    } catch (error) {
      return text(req);
    }
  },

  // Functions around a service.
  '/compose/ok': handleErrors(() => 'fine'),
  '/compose/error': handleErrors(() => {
    throw new Error('What happened?');
  }),
  '/compose/retell': handleErrors(() => {
    throw createError(429, 'Rate limit exceeded');
  }),
};

function handleErrors(service) {
  return async (req, res) => {
    try {
      return await service(req, res);
    } catch (error) {
      if (error.statusCode === 429) {
        throw createError(503, 'Try again');
      }
      send(res, 500, 'My own error');
    }
  };
}

async function* failing(chunks) {
  yield* chunks;
  throw new Error('the stream failed');
}

module.exports = (req, res) => {
  const path = req.url.split('?')[0];
  const service = services[path];
  return service ? service(req, res) : send(res, 404, 'no service');
};
