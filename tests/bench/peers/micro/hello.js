module.exports = () => 'Hello, world!';
